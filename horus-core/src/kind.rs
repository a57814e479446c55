//! The kinds of topics.

/// What the messages of a topic are; its number stands in the topic's file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
#[non_exhaustive]
pub enum Kind {
    /// Plain data with a schema.
    Typed = 1,
    /// MessagePack.
    Dict = 2,
    /// Pixels in the publisher's pool.
    Image = 3,
    /// Distances in the publisher's pool.
    DepthImage = 4,
    /// Points in the publisher's pool.
    PointCloud = 5,
    /// Numbers of any shape in the publisher's pool.
    Tensor = 6,
}

impl Kind {
    /// All of them, in the order of their numbers.
    pub const ALL: [Kind; 6] =
        [Kind::Typed, Kind::Dict, Kind::Image, Kind::DepthImage, Kind::PointCloud, Kind::Tensor];

    /// Returns the kind of this number, or nothing.
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| *kind as u8 == code)
    }

    /// Returns the name that tools show.
    pub const fn name(self) -> &'static str {
        match self {
            Kind::Typed => "typed",
            Kind::Dict => "dict",
            Kind::Image => "image",
            Kind::DepthImage => "depth_image",
            Kind::PointCloud => "point_cloud",
            Kind::Tensor => "tensor",
        }
    }

    /// Returns the name of the type that such a topic holds if it isn't typed: `Image`.
    pub const fn type_name(self) -> &'static str {
        match self {
            Kind::Typed => "typed",
            Kind::Dict => "dict",
            Kind::Image => "Image",
            Kind::DepthImage => "DepthImage",
            Kind::PointCloud => "PointCloud",
            Kind::Tensor => "Tensor",
        }
    }

    /// Returns whether the payload is a block of the publisher's pool and the ring carries descriptors only.
    pub const fn is_pool_backed(self) -> bool {
        !matches!(self, Kind::Typed | Kind::Dict)
    }

    /// Returns how many messages a ring holds if nobody says: 64, or 8 of those that hold a block each.
    pub const fn default_depth(self) -> u32 {
        if self.is_pool_backed() { 8 } else { 64 }
    }

    /// Returns the bytes that a slot has for a message of varying size or a descriptor: 1,000 make a slot of 1 KiB with
    /// its head, 168 are the longest descriptor. A typed message of fixed size takes its own.
    pub const fn default_capacity(self) -> u32 {
        if self.is_pool_backed() { 168 } else { 1000 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_lead_back_and_zero_is_no_kind() {
        for kind in Kind::ALL {
            assert_eq!(Kind::from_code(kind as u8), Some(kind));
        }
        assert_eq!(Kind::from_code(0), None);
        assert_eq!(Kind::from_code(7), None);
    }
}
