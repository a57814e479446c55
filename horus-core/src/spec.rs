//! What the transport is told of a topic's type.

use crate::kind::Kind;
use crate::schema::Schema;
use horus_shm::TopicSpec;

impl Kind {
    /// Returns what a topic of this kind is made from. For a typed one see [`Schema::spec`].
    pub fn spec(self) -> TopicSpec {
        TopicSpec {
            kind: self as u8,
            type_name: self.type_name().to_owned(),
            schema: Vec::new(),
            capacity: self.default_capacity(),
            depth: self.default_depth(),
        }
    }
}

impl Schema {
    /// Returns what a topic of this type is made from. Allocates.
    pub fn spec(&self) -> TopicSpec {
        let capacity = if self.is_variable() { Kind::Typed.default_capacity() } else { self.size };
        TopicSpec {
            kind: Kind::Typed as u8,
            type_name: self.name.clone(),
            schema: self.encode(),
            capacity,
            depth: Kind::Typed.default_depth(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Message;
    use crate::messages::CmdVel;

    #[test]
    fn slots_are_as_large_as_what_they_hold() {
        let spec = CmdVel::schema().spec();
        assert_eq!((spec.kind, spec.type_name.as_str(), spec.capacity, spec.depth), (1, "CmdVel", 16, 64));
        assert_eq!(&Schema::decode(&spec.schema).unwrap(), CmdVel::schema());
        let image = Kind::Image.spec();
        assert_eq!((image.kind, image.type_name.as_str(), image.capacity, image.depth), (3, "Image", 168, 8));
        assert_eq!((Kind::Dict.spec().capacity, Kind::Dict.spec().depth), (1000, 64));
    }
}
