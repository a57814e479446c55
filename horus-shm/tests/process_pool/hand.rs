//! A child that publishes what it is told to, line by line.

use crate::content;
use crate::place::{dict, image, join_from_env, publisher};
use crate::process::Cue;
use horus_shm::{Block, Participant, Publisher};
use std::collections::HashMap;
use std::sync::Arc;

/// What it has at hand.
struct Hand {
    here: Arc<Participant>,
    publishers: HashMap<String, Publisher>,
    blocks: Vec<Block>,
}

/// Role: does what it is told, answering `done` each time. `open T`, `open_dict T`, `close T`,
/// `send T SEED BYTES` (filled whole, in a block), `put T SEED BYTES` (the same by copy), `burst T COUNT BYTES`
/// (hardly filled), `keep COUNT BYTES` (allocates and keeps), `drop`, `leave`.
pub(crate) fn hand(cue: &mut Cue) {
    let mut hand = Some(Hand { here: join_from_env(), publishers: HashMap::new(), blocks: Vec::new() });
    cue.say("ready");
    while let Some(line) = cue.listen() {
        let words: Vec<&str> = line.split(' ').collect();
        match words[..] {
            ["leave"] => hand = None,
            _ => hand.as_mut().expect("not told to leave").obey(&words),
        }
        cue.say("done");
    }
}

impl Hand {
    fn obey(&mut self, words: &[&str]) {
        let number = |text: &str| text.parse::<u64>().expect("a number");
        match *words {
            ["open", topic] => {
                let _ = self.publishers.insert(topic.into(), publisher(&self.here, topic, &image()));
            }
            ["open_dict", topic] => {
                let _ = self.publishers.insert(topic.into(), publisher(&self.here, topic, &dict()));
            }
            ["close", topic] => drop(self.publishers.remove(topic).expect("it is open")),
            ["send", topic, seed, bytes] => {
                let block = self.made(number(seed), number(bytes));
                self.publisher(topic).send_block(&block, number(bytes), &[]).expect("there is room");
            }
            ["put", topic, seed, bytes] => {
                let bytes = content::made(number(seed), number(bytes) as usize);
                self.publisher(topic).send(&bytes).expect("there is room");
            }
            ["burst", topic, count, bytes] => self.burst(topic, number(count), number(bytes)),
            ["keep", count, bytes] => {
                for _ in 0..number(count) {
                    self.blocks.push(self.here.allocate(number(bytes)).expect("there is room").freeze());
                }
            }
            ["drop"] => self.blocks.clear(),
            _ => panic!("told {words:?}"),
        }
    }

    fn publisher(&mut self, topic: &str) -> &mut Publisher {
        self.publishers.get_mut(topic).expect("it is open")
    }

    fn made(&self, seed: u64, bytes: u64) -> Block {
        let mut block = self.here.allocate(bytes).expect("there is room");
        content::fill(seed, &mut block);
        block.freeze()
    }

    fn burst(&mut self, topic: &str, count: u64, bytes: u64) {
        for number in 0..count {
            let mut block = self.here.allocate(bytes).expect("there is room");
            content::stamp(u64::MAX - number, &mut block);
            self.publisher(topic).send_block(&block.freeze(), bytes, &[]).expect("there is room");
        }
    }
}
