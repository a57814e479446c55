//! Depth images, point clouds and tensors through shared memory, and any value on any topic.
#![allow(missing_docs)]

mod arena;

use arena::{Arena, publisher, subscriber};
use horus_core::messages::{CmdVel, LaserScan};
use horus_core::{
    BlockError, Decoder, DepthImage, DepthImageBuffer, DepthImageMeta, Dtype, Encoder, Encoding, Error,
    Geometry, HEAD_BYTES, Image, ImageBuffer, ImageMeta, META_BYTES_MAX, Payload, PayloadError, PointCloud,
    PointCloudBuffer, PointCloudMeta, PointLayout, Tensor, TensorBuffer, TensorMeta, Value,
};
use horus_shm::{CleanOptions, Participant, PublisherOptions, SubscriberOptions, TopicName};
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

fn cloud(here: &Arc<Participant>, numbers: &[f32]) -> PointCloud {
    let meta = PointCloudMeta::new(numbers.len() as u64 / 4, PointLayout::Xyzi, Dtype::F32).unwrap();
    let mut cloud = PointCloudBuffer::in_pool(here, meta).unwrap();
    cloud.as_mut_slice::<f32>().unwrap().copy_from_slice(numbers);
    cloud.set_timestamp_ns(77);
    cloud.set_frame_id("lidar").unwrap();
    cloud.freeze()
}

fn tensor(here: &Arc<Participant>, meta: TensorMeta, fill: u8) -> Tensor {
    let mut tensor = TensorBuffer::in_pool(here, meta).unwrap();
    tensor.data_mut().fill(fill);
    tensor.freeze()
}

#[test]
fn each_kind_is_written_in_the_pool_and_read_where_it_lies() {
    let arena = Arena::new();
    let here = arena.join();
    let mut clouds = (subscriber::<PointCloud>(&here, "points"), publisher::<PointCloud>(&here, "points"));
    assert_eq!(clouds.1.depth(), 8);
    let sent = cloud(&here, &[1.0, 2.0, 3.0, 0.5, -1.0, -2.0, -3.0, 0.25]);
    clouds.1.send(&sent).unwrap();
    let received = clouds.0.recv().unwrap().unwrap();
    assert_eq!((received.len(), received.layout(), received.is_received()), (2, PointLayout::Xyzi, true));
    assert_eq!((received.timestamp_ns(), received.frame_id()), (77, "lidar"));
    assert_eq!(received.points_f32(), Some(&[1.0, 2.0, 3.0, 0.5, -1.0, -2.0, -3.0, 0.25][..]));
    assert_eq!((received.points_f64(), received.as_slice::<u32>()), (None, None));

    let mut depths = (subscriber::<DepthImage>(&here, "depth"), publisher::<DepthImage>(&here, "depth"));
    let gaps = DepthImageMeta::with_step(2, 3, 8, Encoding::Depth16).unwrap();
    for meta in [DepthImageMeta::new(2, 3, Encoding::Depth16).unwrap(), gaps] {
        let mut depth = DepthImageBuffer::in_pool(&here, meta).unwrap();
        depth.data_mut().fill(1);
        depths.1.send(&depth.freeze()).unwrap();
        let received = depths.0.recv().unwrap().unwrap();
        assert_eq!((received.meta(), received.data().len() as u64), (meta, meta.data_bytes()));
        let is_dense = meta != gaps;
        assert_eq!(received.millimetres(), is_dense.then_some(&[257; 6][..]));
        assert_eq!(received.metres(), None);
    }

    let mut tensors = (subscriber::<Tensor>(&here, "tensor"), publisher::<Tensor>(&here, "tensor"));
    let fortran = TensorMeta::with_strides(Dtype::U16, &[2, 3], &[2, 4]).unwrap();
    let mut buffer = TensorBuffer::in_pool(&here, fortran).unwrap();
    assert!(buffer.as_mut_slice::<u16>().is_none(), "not in C order");
    for (i, byte) in buffer.data_mut().iter_mut().enumerate() {
        *byte = if i % 2 == 0 { i as u8 / 2 } else { 0 };
    }
    tensors.1.send(&buffer.freeze()).unwrap();
    let received = tensors.0.recv().unwrap().unwrap();
    assert_eq!(
        (received.shape(), received.strides(), received.dtype()),
        (&[2, 3][..], &[2, 4][..], Dtype::U16)
    );
    assert_eq!(received.as_slice::<u16>(), None);
    let numbers: Vec<Value> = received.to_array().unwrap().scalars().collect();
    assert_eq!(numbers, [0, 2, 4, 1, 3, 5].map(Value::Int));
}

#[test]
fn nothing_and_a_single_number_travel_too() {
    let arena = Arena::new();
    let here = arena.join();
    let mut clouds = (subscriber::<PointCloud>(&here, "points"), publisher::<PointCloud>(&here, "points"));
    clouds.1.send(&cloud(&here, &[])).unwrap();
    let none = clouds.0.recv().unwrap().unwrap();
    assert!(none.is_empty());
    assert_eq!((none.points_f32(), none.frame_id()), (Some(&[][..]), "lidar"));
    let mut tensors = (subscriber::<Tensor>(&here, "tensor"), publisher::<Tensor>(&here, "tensor"));
    for (shape, count) in [(&[][..], 1), (&[0, 3], 0), (&[1, 1, 1, 1, 1, 1, 1, 2], 2)] {
        tensors.1.send(&tensor(&here, TensorMeta::new(Dtype::F64, shape).unwrap(), 0)).unwrap();
        let received = tensors.0.recv().unwrap().unwrap();
        assert_eq!((received.shape(), received.as_slice::<f64>()), (shape, Some(&vec![0.0; count][..])));
        assert_eq!(received.to_array().unwrap().shape(), shape);
    }
}

/// Sends what was received on two topics: one copy, in one's own block, that both share.
fn relayed<T: Payload>(here: &Arc<Participant>, sent: &T, data: fn(&T) -> &[u8]) {
    let (mut raw, mut sending) = (subscriber::<T>(here, "raw"), publisher::<T>(here, "raw"));
    sending.send(sent).unwrap();
    let received = raw.recv().unwrap().unwrap();
    let places = ["left", "right"].map(|topic| {
        let (mut relayed, mut relay) = (subscriber::<T>(here, topic), publisher::<T>(here, topic));
        relay.send(&received).unwrap();
        let again = relayed.recv().unwrap().unwrap();
        assert_eq!(data(&again), data(sent));
        data(&again).as_ptr()
    });
    assert_eq!(places[0], places[1], "one block on both topics");
    assert_ne!(places[0], data(&received).as_ptr(), "the publisher's own block isn't sent by others");
}

#[test]
fn what_was_received_is_sent_on_with_one_copy() {
    let arenas = [Arena::new(), Arena::new(), Arena::new()];
    let [one, two, three] = arenas.each_ref().map(Arena::join);
    relayed(&one, &cloud(&one, &[1.0; 8]), PointCloud::data);
    relayed(&two, &tensor(&two, TensorMeta::new(Dtype::C128, &[5]).unwrap(), 9), Tensor::data);
    let meta = DepthImageMeta::new(4, 4, Encoding::Depth32f).unwrap();
    relayed(&three, &DepthImageBuffer::in_pool(&three, meta).unwrap().freeze(), DepthImage::data);
}

#[test]
fn values_are_shared_between_threads() {
    fn check<T: Clone + Send + Sync + 'static>() {}
    check::<Image>();
    check::<DepthImage>();
    check::<PointCloud>();
    check::<Tensor>();
    let arena = Arena::new();
    let here = arena.join();
    let sent = cloud(&here, &[1.0; 400]);
    let threads: Vec<_> = (0..4)
        .map(|_| {
            let sent = sent.clone();
            std::thread::spawn(move || sent.points_f32().map(|numbers| numbers.iter().sum::<f32>()))
        })
        .collect();
    assert!(threads.into_iter().all(|thread| thread.join().unwrap() == Some(400.0)));
}

#[test]
fn a_topic_of_another_kind_is_refused_in_words() {
    let arena = Arena::new();
    let here = arena.join();
    let _holder = publisher::<PointCloud>(&here, "points");
    let topic = TopicName::new("points").unwrap();
    let refused = horus_core::Subscriber::<Tensor>::open(&here, &topic, SubscriberOptions::default());
    let error = refused.unwrap_err().to_string();
    assert!(error.starts_with("topic 'points' holds PointCloud, not Tensor; in use by pid"), "{error}");
}

#[test]
fn wrong_counts_are_refused_before_anything_is_taken() {
    let told = |error: Error| error.to_string();
    let numbers = [0f32; 7];
    assert_eq!(
        told(PointCloud::from_points(PointLayout::Xyzrgb, &numbers).unwrap_err()),
        "7 numbers are no whole points of xyzrgb, 6 each"
    );
    assert_eq!(
        told(PointCloud::from_points(PointLayout::Xyz, &[0u8; 3]).unwrap_err()),
        "point dtype \"u8\" isn't known; one of f32, f64"
    );
    assert_eq!(
        told(Tensor::from_slice(&[2, 2], &numbers).unwrap_err()),
        "the numbers need 16 bytes, there are 28"
    );
    assert_eq!(
        told(DepthImage::from_metres(2, 2, &numbers).unwrap_err()),
        "the numbers need 16 bytes, there are 28"
    );
    assert!(matches!(
        DepthImage::from_bytes(1, 1, Encoding::Rgb8, &[0; 3]),
        Err(Error::Block(BlockError::Unknown { .. }))
    ));
}

/// Reads all numbers of what came, if it was accepted.
fn touch(received: horus_core::Result<Option<Tensor>>) -> Option<u64> {
    let tensor = received.ok().flatten()?;
    let array = tensor.to_array().unwrap();
    Some(array.data().iter().map(|byte| u64::from(*byte)).sum())
}

#[test]
fn no_descriptor_leads_outside_its_block() {
    let arena = Arena::new();
    let here = arena.join();
    let mut receiving = subscriber::<Tensor>(&here, "tensor");
    let mut sending = publisher::<Tensor>(&here, "tensor");
    let meta = TensorMeta::with_strides(Dtype::U16, &[3, 4], &[2, 6]).unwrap();
    let mut good = [0; META_BYTES_MAX];
    let length = meta.to_block().encode(&mut good);
    let mut block = here.allocate(meta.block_bytes()).unwrap();
    block.fill(1);
    let block = block.freeze();
    let mut accepted = 0;
    for bit in 0..8 * length {
        let mut bytes = good;
        bytes[bit / 8] ^= 1 << (bit % 8);
        sending.transport().send_block(&block, meta.block_bytes(), &bytes[..length]).unwrap();
        if let Some(sum) = touch(receiving.recv()) {
            assert!(sum <= meta.data_bytes());
            accepted += 1;
        }
    }
    assert!(accepted > 0, "a shorter dimension is another good tensor");
    sending.transport().send_block(&block, meta.block_bytes() - 1, &good[..length]).unwrap();
    let error = receiving.recv().unwrap_err().to_string();
    assert_eq!(error, "topic 'tensor': the numbers need 88 bytes, there are 87");
    sending.transport().send(b"no tensor").unwrap();
    assert_eq!(receiving.recv().unwrap_err().to_string(), "topic 'tensor': what came is no Tensor");
}

/// Sends on one topic, decodes, encodes and sends again on another: the same bytes and the same value.
fn repeated<T: Payload>(here: &Arc<Participant>, sent: &T) -> Value {
    let open = |name: &str| {
        let topic = TopicName::new(name).unwrap();
        let subscriber =
            horus_shm::Subscriber::open(here, &topic, Some(&T::spec()), SubscriberOptions::default());
        let publisher = horus_shm::Publisher::open(here, &topic, &T::spec(), PublisherOptions::default());
        (subscriber.unwrap(), publisher.unwrap())
    };
    let bytes_of = |payload: &horus_shm::Payload<'_>| match payload {
        horus_shm::Payload::Inline(bytes) => (bytes.to_vec(), Vec::new()),
        horus_shm::Payload::Block { block, meta } => (block.bytes().to_vec(), meta.to_vec()),
    };
    let (mut here_first, mut sending) = open("first");
    let (mut here_again, mut repeating) = open("again");
    let decoder = Decoder::new(&T::spec()).unwrap();
    let encoder = Encoder::new(&T::spec()).unwrap();
    sent.send_to(&mut sending, &mut Vec::new()).unwrap();
    let first = here_first.recv().unwrap().unwrap();
    let first_bytes = bytes_of(&first.payload);
    let value = decoder.decode(first.payload).unwrap();
    encoder.send(&value, &mut repeating).unwrap();
    let again = here_again.recv().unwrap().unwrap();
    assert_eq!(bytes_of(&again.payload), first_bytes);
    assert_eq!(decoder.decode(again.payload).unwrap(), value);
    value
}

#[test]
fn any_topic_is_repeated_byte_for_byte() {
    fn each<T: Payload>(send: impl FnOnce(&Arc<Participant>) -> T) -> Value {
        let arena = Arena::new();
        let here = arena.join();
        let sent = send(&here);
        repeated(&here, &sent)
    }
    each(|_| CmdVel { timestamp_ns: 7, linear: f32::MIN_POSITIVE, angular: -0.0 });
    let scan = |count: usize| LaserScan {
        angle_min: -1.5,
        ranges: (0..count).map(|i| i as f32).collect(),
        ..LaserScan::default()
    };
    // In a slot, and in a block.
    each(|_| scan(0));
    each(|_| scan(3));
    let value = each(|_| scan(10_000));
    assert_eq!(value.get("ranges").and_then(Value::count), Some(10_000));
    each(|_| Value::from([("battery", 85.0)]));
    each(|_| Value::Bytes(vec![7; 100_000]));
    each(|here| {
        let meta = ImageMeta::with_step(3, 5, 24, Encoding::Bgr8).unwrap();
        let mut image = ImageBuffer::in_pool(here, meta).unwrap();
        image.pixels_mut().fill(0);
        image.pixels_mut()[..15].fill(200);
        image.set_frame_id("camera").unwrap();
        image.freeze()
    });
    each(|here| {
        let meta = DepthImageMeta::new(3, 5, Encoding::Depth32f).unwrap();
        let mut depth = DepthImageBuffer::in_pool(here, meta).unwrap();
        // Signalling NaNs, which no conversion may quiet.
        depth.data_mut().chunks_exact_mut(4).for_each(|n| n.copy_from_slice(&[1, 0, 0x80, 0x7f]));
        depth.freeze()
    });
    each(|here| cloud(here, &[1.0; 12]));
    each(|here| cloud(here, &[]));
    for dtype in Dtype::ALL {
        let item = u64::from(dtype.size());
        each(|here| tensor(here, TensorMeta::new(dtype, &[]).unwrap(), 1));
        each(|here| tensor(here, TensorMeta::new(dtype, &[0, 2]).unwrap(), 1));
        let fortran = TensorMeta::with_strides(dtype, &[2, 3], &[item, 2 * item]).unwrap();
        let value = each(|here| tensor(here, fortran, 1));
        assert_eq!(value.get("strides"), Some(&vec![item, 2 * item].into()));
    }
}

#[test]
fn what_cannot_be_encoded_sends_nothing() {
    let arena = Arena::new();
    let here = arena.join();
    let topic = TopicName::new("tensor").unwrap();
    let mut receiving = subscriber::<Tensor>(&here, "tensor");
    let mut sending =
        horus_shm::Publisher::open(&here, &topic, &Tensor::spec(), PublisherOptions::default()).unwrap();
    let encoder = Encoder::new(&Tensor::spec()).unwrap();
    let value = Value::from([("data", Value::from(vec![vec![1i64, 2], vec![3]]))]);
    let error = encoder.send(&value, &mut sending).unwrap_err();
    assert!(matches!(error, PayloadError::Value(_)));
    assert_eq!(error.to_string(), "key 'data' > item 1: expected 2 items, found 1");
    // A stride may be any number; the pool has a limit.
    let strides = Value::from(vec![1i64 << 60]);
    let far = Value::from([("dtype", "u8".into()), ("strides", strides), ("data", Value::Bytes(vec![1, 2]))]);
    let error = encoder.send(&far, &mut sending).unwrap_err();
    assert!(matches!(error, PayloadError::Transport(_)), "{error:?}");
    assert_eq!((sending.sent(), receiving.recv().unwrap().is_none()), (0, true));
}

/// Where the child is told of the test's folder; the name of the test that it runs instead.
const ACTOR: &str = "a_publisher_that_waits_to_be_killed";

/// No test of its own: in a child of [`what_was_received_outlives_its_killed_publisher`] it sends one of each kind from
/// plain slices, through the process's default namespace, and waits.
#[test]
fn a_publisher_that_waits_to_be_killed() {
    if std::env::var_os("HORUS_TEST_ACTOR").is_none() {
        return;
    }
    let points: Vec<[f64; 3]> = (0..1000).map(|i| [f64::from(i), 0.5, -1.0]).collect();
    let mut clouds = horus_core::Publisher::new("points").unwrap();
    let mut depths = horus_core::Publisher::new("depth").unwrap();
    let mut tensors = horus_core::Publisher::new("tensor").unwrap();
    clouds.send(&PointCloud::from_points(PointLayout::Xyz, points.as_flattened()).unwrap()).unwrap();
    depths.send(&DepthImage::from_millimetres(2, 2, &[1, 2, 3, 65535]).unwrap()).unwrap();
    tensors.send(&Tensor::from_slice(&[2, 1], &[[1f32, -1.0], [0.5, 0.0]]).unwrap()).unwrap();
    // Behind the harness's own line.
    let mut output = std::io::stdout();
    output.write_all(b"\nsent\n").unwrap();
    output.flush().unwrap();
    let _ = std::io::stdin().read(&mut [0]);
}

/// Killed with the test, whatever becomes of it.
struct Actor(Child);

impl Drop for Actor {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn what_was_received_outlives_its_killed_publisher() {
    let arena = Arena::new();
    let here = arena.join();
    let mut clouds = subscriber::<PointCloud>(&here, "points");
    let mut depths = subscriber::<DepthImage>(&here, "depth");
    let mut tensors = subscriber::<Tensor>(&here, "tensor");
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", ACTOR, "--nocapture"]).env("HORUS_TEST_ACTOR", "1");
    command.env("HORUS_SHM_DIR", &arena.folder).env("HORUS_NAMESPACE", "test");
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut actor = Actor(command.spawn().unwrap());
    let output = BufReader::new(actor.0.stdout.take().unwrap());
    assert!(output.lines().map_while(Result::ok).any(|line| line == "sent"), "it sends");
    let minute = Duration::from_secs(60);
    let cloud = clouds.recv_timeout(minute).unwrap().unwrap();
    let depth = depths.recv_timeout(minute).unwrap().unwrap();
    let tensor = tensors.recv_timeout(minute).unwrap().unwrap();
    let pid = actor.0.id();
    drop(actor);
    // Removes what the dead left; not what is held.
    let options = CleanOptions { patience: minute, ..CleanOptions::default() };
    let clean = || horus_shm::clean(here.namespace().root(), None, &options).unwrap();
    let cleaned = clean();
    let holder = format!("pid {} holds", std::process::id());
    assert!(
        !cleaned.kept.is_empty() && cleaned.kept.iter().all(|kept| kept.contains(&holder)),
        "{cleaned:?}"
    );
    let points = cloud.points_f64().unwrap();
    assert_eq!((cloud.len(), &points[2997..]), (1000, &[999.0, 0.5, -1.0][..]));
    assert_eq!(depth.millimetres(), Some(&[1, 2, 3, 65535][..]));
    assert_eq!(tensor.as_slice::<[f32; 2]>(), Some(&[[1.0, -1.0], [0.5, 0.0]][..]));
    // And is sent on by who holds it.
    let (mut relayed, mut relay) =
        (subscriber::<PointCloud>(&here, "again"), publisher::<PointCloud>(&here, "again"));
    relay.send(&cloud).unwrap();
    assert_eq!(relayed.recv().unwrap().unwrap().points_f64(), Some(points));
    assert_eq!(cloud.meta().block_bytes(), HEAD_BYTES as u64 + 1000 * 24);
    drop((cloud, depth, tensor));
    assert_eq!(clean().processes, [pid]);
}
