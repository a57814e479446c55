//! Every ordering and every fence of the library, read from its source, so that none can be left out of a list.

use proc_macro2::{Delimiter, Group, Ident, TokenStream, TokenTree};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// An access that is ordered, or a fence.
#[derive(Debug)]
pub(crate) struct Site {
    /// File, function, operation and its ordering, and its number among such: what stays when lines move.
    pub(crate) name: String,
    /// File, line and column of the method's name, or of `fence`: what the seam sees.
    pub(crate) place: String,
    pub(crate) is_full_fence: bool,
}

/// Reads all sites, in the order of files and lines; tests inside the sources have none.
pub(crate) fn all() -> Vec<Site> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    list(&root, &mut files);
    files.sort();
    let mut sites = Vec::new();
    for path in files {
        let file =
            path.strip_prefix(&root).expect("listed below it").to_str().expect("plain names").to_owned();
        let text =
            std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        // The seam is what the sites stand on, and has none; nor has the simulation, which is in no build that ships.
        if !file.starts_with("sync/") && !file.starts_with("sim/") {
            assert!(!text.contains("sync::atomic"), "{file} goes past the seam `crate::sync`");
            let stream: TokenStream = text.parse().unwrap_or_else(|error| panic!("{file}: {error}"));
            Walk { file, counts: BTreeMap::new(), sites: &mut sites }.stream(stream, "", None);
        }
    }
    sites
}

fn list(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
        let path = entry.expect("a folder that can be read").path();
        if path.is_dir() {
            list(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

struct Walk<'a> {
    file: String,
    counts: BTreeMap<String, u32>,
    sites: &'a mut Vec<Site>,
}

impl Walk<'_> {
    /// Goes through the tokens of a function (or of what holds functions); `call` is what a list of arguments is for.
    fn stream(&mut self, stream: TokenStream, function: &str, call: Option<&Ident>) {
        let tokens: Vec<TokenTree> = stream.into_iter().collect();
        let (mut named, mut is_test) = (None, false);
        for (i, token) in tokens.iter().enumerate() {
            let before = i.checked_sub(1).map(|i| &tokens[i]);
            match token {
                TokenTree::Ident(ident) => {
                    if matches!(before, Some(TokenTree::Ident(word)) if word == "fn") {
                        named = Some(ident.to_string());
                    } else if let (Some(call), true) = (call, is_ordering(ident)) {
                        self.add(function, call, ident);
                    }
                }
                TokenTree::Group(group) => match (group.delimiter(), before) {
                    (Delimiter::Bracket, Some(TokenTree::Punct(mark))) if mark.as_char() == '#' => {
                        is_test |= is_for_tests(group);
                    }
                    (Delimiter::Brace, _) => {
                        if !std::mem::take(&mut is_test) {
                            let inner = named.take();
                            self.stream(group.stream(), inner.as_deref().unwrap_or(function), None);
                        }
                    }
                    (Delimiter::Parenthesis, Some(TokenTree::Ident(word))) => {
                        self.stream(group.stream(), function, Some(word));
                    }
                    _ => self.stream(group.stream(), function, None),
                },
                TokenTree::Punct(mark) if mark.as_char() == ';' => (named, is_test) = (None, false),
                _ => {}
            }
        }
    }

    fn add(&mut self, function: &str, call: &Ident, ordering: &Ident) {
        let name = format!("{} {function} {call} {ordering}", self.file);
        let count = self.counts.entry(name.clone()).or_default();
        *count += 1;
        let at = call.span().start();
        self.sites.push(Site {
            name: format!("{name} {count}"),
            place: format!("{}:{}:{}", self.file, at.line, at.column + 1),
            is_full_fence: call == "fence" && ordering == "SeqCst",
        });
    }
}

fn is_ordering(ident: &Ident) -> bool {
    ["Acquire", "Release", "AcqRel", "SeqCst"].iter().any(|ordering| ident == ordering)
}

/// Whether an attribute is `cfg(test)`, alone or among others.
fn is_for_tests(attribute: &Group) -> bool {
    let mut tokens = attribute.stream().into_iter();
    let is_cfg = matches!(tokens.next(), Some(TokenTree::Ident(word)) if word == "cfg");
    is_cfg && attribute.to_string().contains("test") && !attribute.to_string().contains("not(test")
}
