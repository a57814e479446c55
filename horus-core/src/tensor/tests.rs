use super::*;
use crate::block::tests::{encoded, flip_every_bit};
use proptest::prelude::*;

fn refused(dtype: Dtype, shape: &[u64], strides: &[u64]) -> String {
    TensorMeta::with_strides(dtype, shape, strides).unwrap_err().to_string()
}

#[test]
fn every_dtype_and_shape_leads_back() {
    for dtype in Dtype::ALL {
        for shape in
            [&[][..], &[1], &[0], &[7], &[2, 3], &[0, 5], &[5, 0], &[1, 1, 1], &[1, 2, 3, 1, 2, 1, 1, 2]]
        {
            let meta = TensorMeta::new(dtype, shape).unwrap();
            assert!(meta.is_c_order() && meta.to_block().is_dense());
            assert_eq!(meta.data_bytes(), meta.count() * u64::from(dtype.size()));
            let bytes = encoded(&meta.to_block());
            assert_eq!(TensorMeta::decode(&bytes, meta.block_bytes()), Ok(meta));
            assert!(TensorMeta::decode(&bytes, meta.block_bytes() - 1).is_err());
        }
    }
}

#[test]
fn orders_are_kept() {
    let fortran = TensorMeta::with_strides(Dtype::F32, &[2, 3], &[4, 8]).unwrap();
    assert!(!fortran.is_c_order());
    assert_eq!(fortran.data_bytes(), 24);
    assert_eq!(TensorMeta::decode(&encoded(&fortran.to_block()), fortran.block_bytes()), Ok(fortran));
    let gaps = TensorMeta::with_strides(Dtype::F32, &[2, 3], &[32, 8]).unwrap();
    assert_eq!(gaps.data_bytes(), 32 + 16 + 4);
    let woven = TensorMeta::with_strides(Dtype::U8, &[2, 2], &[3, 1]);
    assert!(woven.is_ok());
    assert!(TensorMeta::with_strides(Dtype::U8, &[1, 4], &[0, 1]).is_ok(), "one row has no way to the next");
}

#[test]
fn what_no_tensor_has_is_refused_in_words() {
    assert_eq!(refused(Dtype::U8, &[4], &[0]), "shape [4] with strides [0] overlaps");
    assert_eq!(refused(Dtype::F32, &[2, 3], &[8, 4]), "shape [2, 3] with strides [8, 4] overlaps");
    assert_eq!(refused(Dtype::F32, &[2], &[6]), "a stride of 6 bytes is no multiple of 4 bytes, a f32");
    assert_eq!(refused(Dtype::F32, &[2], &[4, 4]), "1 dimensions with 2 strides");
    let nine = TensorMeta::new(Dtype::U8, &[1; 9]).unwrap_err().to_string();
    assert_eq!(nine, "9 dimensions exceed the limit of 8");
    let huge = TensorMeta::new(Dtype::F64, &[1 << 40, 1 << 40]).unwrap_err().to_string();
    assert!(huge.ends_with("exceeds all memory"), "{huge}");
    assert!(TensorMeta::new(Dtype::F64, &[0, u64::MAX, u64::MAX]).is_err());
    assert!(TensorMeta::with_strides(Dtype::U8, &[2, 2], &[1 << 62, 1]).is_err());
    let encoded_one = BlockMeta::new(Kind::Tensor, Dtype::U8, 1, &[2], &[1]).unwrap();
    assert!(TensorMeta::decode(&encoded(&encoded_one), 4096).is_err());
}

#[test]
fn no_flipped_bit_leads_outside_the_block() {
    flip_every_bit(&TensorMeta::new(Dtype::U16, &[4, 5, 3]).unwrap());
    flip_every_bit(&TensorMeta::with_strides(Dtype::C128, &[3, 2], &[16, 48]).unwrap());
    flip_every_bit(&TensorMeta::new(Dtype::F64, &[]).unwrap());
    flip_every_bit(&TensorMeta::new(Dtype::F64, &[0, 3]).unwrap());
}

proptest! {
    /// Whatever is accepted has as many different places as numbers, all within its extent.
    #[test]
    fn accepted_strides_never_overlap(
        dims in proptest::collection::vec((0u64..5, 0u64..40), 0..4),
    ) {
        let (shape, strides): (Vec<_>, Vec<_>) = dims.into_iter().unzip();
        if let Ok(meta) = TensorMeta::with_strides(Dtype::U8, &shape, &strides) {
            let mut places = vec![0u64];
            for (count, stride) in shape.iter().zip(&strides) {
                places = places.iter().flat_map(|at| (0..*count).map(move |i| at + i * stride)).collect();
            }
            prop_assert!(places.iter().all(|at| *at < meta.data_bytes()));
            places.sort_unstable();
            places.dedup();
            prop_assert_eq!(places.len() as u64, meta.count());
        }
    }
}
