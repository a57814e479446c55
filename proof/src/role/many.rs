//! Many topics of every kind between two processes, some of each.

use super::{LOOK, STEADY_PERIOD};
use crate::Result;
use crate::ledger::{Entry, Note};
use horus_core::messages::{Imu, LaserScan};
use horus_core::{DepthImage, Payload, PointCloud, PointLayout, Publisher, Subscriber, Tensor, Value};

/// Topics of each kind.
const OF_EACH: u64 = 8;
/// Rounds of messages a second are a thousand over this.
const EVERY: u32 = 20;

/// A message that tells its number in more than one place.
trait Numbered: Payload {
    fn of(number: u64) -> Result<Self>;
    /// Its number; nothing if it contradicts itself.
    fn number(&self) -> Option<u64>;
}

impl Numbered for Imu {
    fn of(number: u64) -> Result<Self> {
        Ok(Imu { timestamp_ns: number, gyro_z: number as f64, ..Imu::default() })
    }

    fn number(&self) -> Option<u64> {
        (self.gyro_z == self.timestamp_ns as f64).then_some(self.timestamp_ns)
    }
}

impl Numbered for LaserScan {
    fn of(number: u64) -> Result<Self> {
        let ranges = vec![(number % 1000) as f32; 20 + 700 * (number as usize % 2)];
        Ok(LaserScan { timestamp_ns: number, ranges, ..LaserScan::default() })
    }

    fn number(&self) -> Option<u64> {
        let sent = Self::of(self.timestamp_ns).ok()?;
        (self.ranges == sent.ranges).then_some(self.timestamp_ns)
    }
}

impl Numbered for Value {
    fn of(number: u64) -> Result<Self> {
        // As long whatever the number: what lies in shared memory is compared between rounds.
        let text = format!("{number:08}").repeat(1 + (number as usize % 3) * 200);
        Ok(Value::Map(vec![("number".into(), number.into()), ("text".into(), text.into())]))
    }

    fn number(&self) -> Option<u64> {
        let Some(Value::Int(number)) = self.get("number") else { return None };
        (*self == <Self as Numbered>::of(*number as u64).ok()?).then_some(*number as u64)
    }
}

/// What floating-point numbers can count to, and start again.
const COUNT: u64 = 1 << 20;

impl Numbered for DepthImage {
    fn of(number: u64) -> Result<Self> {
        Ok(DepthImage::from_metres(48, 64, &[(number % COUNT) as f32; 48 * 64])?)
    }

    fn number(&self) -> Option<u64> {
        alike(self.metres()?)
    }
}

impl Numbered for PointCloud {
    fn of(number: u64) -> Result<Self> {
        Ok(PointCloud::from_points(PointLayout::Xyz, &[(number % COUNT) as f32; 3 * 500])?)
    }

    fn number(&self) -> Option<u64> {
        alike(self.points_f32()?)
    }
}

impl Numbered for Tensor {
    fn of(number: u64) -> Result<Self> {
        Ok(Tensor::from_slice(&[16, 25], &[(number % COUNT) as f32; 400])?)
    }

    fn number(&self) -> Option<u64> {
        alike(self.as_slice::<f32>()?)
    }
}

fn alike(numbers: &[f32]) -> Option<u64> {
    let first = *numbers.first()?;
    numbers.iter().all(|number| *number == first).then_some(first as u64)
}

/// A topic to send on.
trait Out {
    fn send(&mut self, number: u64) -> Result<()>;
}

impl<T: Numbered> Out for Publisher<T> {
    fn send(&mut self, number: u64) -> Result<()> {
        Ok(Publisher::send(self, &T::of(number)?)?)
    }
}

/// A topic to receive from.
trait In {
    fn take_all(&mut self) -> Result<()>;
    fn counts(&self) -> (u64, u64);
}

struct Inbox<T> {
    subscriber: Subscriber<T>,
    last: Option<u64>,
}

impl<T: Numbered> In for Inbox<T> {
    fn take_all(&mut self) -> Result<()> {
        while let Some(message) = self.subscriber.recv()? {
            let topic = self.subscriber.topic();
            let number = message.number().ok_or_else(|| format!("torn: a message on '{topic}'"))?;
            if self.last.is_some_and(|last| number <= last) {
                return Err(format!("order: {number} after {:?} on '{topic}'", self.last).into());
            }
            self.last = Some(number);
        }
        Ok(())
    }

    fn counts(&self) -> (u64, u64) {
        (self.subscriber.received(), self.subscriber.dropped())
    }
}

/// Opens all topics, by whatever opens one of each kind.
macro_rules! open_all {
    ($open:ident) => {{
        let mut all = Vec::new();
        for index in 0..OF_EACH {
            all.push($open::<Imu>(&format!("many.imu{index}"))?);
            all.push($open::<LaserScan>(&format!("many.scan{index}"))?);
            all.push($open::<Value>(&format!("many.dict{index}"))?);
            all.push($open::<DepthImage>(&format!("many.depth{index}"))?);
            all.push($open::<PointCloud>(&format!("many.points{index}"))?);
            all.push($open::<Tensor>(&format!("many.tensor{index}"))?);
        }
        all
    }};
}

fn outbox<T: Numbered + 'static>(topic: &str) -> Result<Box<dyn Out>> {
    Ok(Box::new(Publisher::<T>::new(topic)?))
}

fn inbox<T: Numbered + 'static>(topic: &str) -> Result<Box<dyn In>> {
    Ok(Box::new(Inbox { subscriber: Subscriber::<T>::new(topic)?, last: None }))
}

/// Sends a message on each topic, again and again.
pub(super) fn publish(entry: &Entry, ended: impl Fn() -> bool) -> Result<()> {
    let mut all = open_all!(outbox);
    entry.stamp(Note::Ready);
    let mut number = 0;
    while !ended() {
        for out in &mut all {
            out.send(number)?;
        }
        number += 1;
        entry.set(Note::Sent, number * all.len() as u64);
        std::thread::sleep(STEADY_PERIOD * EVERY);
    }
    Ok(())
}

/// Receives from each.
pub(super) fn watch(entry: &Entry, ended: impl Fn() -> bool) -> Result<()> {
    let mut all = open_all!(inbox);
    entry.stamp(Note::Ready);
    while !ended() {
        let (mut received, mut dropped) = (0, 0);
        for topic in &mut all {
            topic.take_all()?;
            let (got, missed) = topic.counts();
            (received, dropped) = (received + got, dropped + missed);
        }
        entry.set(Note::Dropped, dropped);
        entry.set(Note::Received, received);
        std::thread::sleep(LOOK / 10);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dict_of_a_kind_takes_the_same_memory_however_high_its_number() {
        let bytes = |number: u64| {
            let message = <Value as Numbered>::of(number).expect("a number");
            let Some(Value::Str(text)) = message.get("text") else { panic!("it has a text") };
            text.len()
        };
        for number in 0..3 {
            assert_eq!(bytes(number), bytes(number + 3_000_000));
        }
        assert_ne!(bytes(0), bytes(1));
    }
}
