use super::*;

fn expanded(source: &str) -> Result<TokenStream> {
    expand(&syn::parse_str(source)?)
}

fn refused(source: &str) -> String {
    expanded(source).expect_err(source).to_string()
}

#[test]
fn the_layout_must_be_the_same_in_every_language() {
    let needs = "message `A` needs #[repr(C)], so that every language sees one layout";
    assert_eq!(refused("struct A { x: f64 }"), needs);
    for repr in ["Rust", "packed", "C, packed", "C, align(16)", "transparent"] {
        assert_eq!(
            refused(&format!("#[repr({repr})] struct A {{ x: f64 }}")),
            format!("{needs}, and no other repr")
        );
    }
    assert!(expanded("#[repr(C)] struct A { x: f64 }").is_ok());
}

#[test]
fn only_a_struct_with_named_fields_is_a_message() {
    assert!(refused("#[repr(u8)] enum A { B }").starts_with("a message is a struct"));
    assert!(refused("#[repr(C)] union A { x: u8 }").starts_with("a message is a struct"));
    assert_eq!(refused("#[repr(C)] struct A(f64);"), "message `A` needs named fields");
    assert_eq!(refused("#[repr(C)] struct A {}"), "message `A` needs at least one field");
    assert_eq!(refused("#[repr(C)] struct A { _a: u8 }"), "message `A` needs at least one field");
    assert!(refused("#[repr(C)] struct A<T> { x: T }").contains("can't be generic"));
}

#[test]
fn types_that_mean_nothing_elsewhere_are_refused_with_what_to_use() {
    for (ty, instead) in [
        ("bool", "horus_core::Bool"),
        ("[bool; 4]", "horus_core::Bool"),
        ("usize", "use u32"),
        ("char", "FixedStr<4>"),
        ("str", "use String"),
        ("Box<[f64]>", "`Vec<T>`"),
        ("HashMap<u8, u8>", "send a dict"),
        ("Vec<Vec<f64>>", "of one size"),
        ("Vec<String>", "`Vec<horus_core::FixedStr<N>>`"),
        ("std::vec::Vec<[String; 2]>", "of one size"),
        ("Vec<bool>", "horus_core::Bool"),
        ("[Vec<usize>; 2]", "use u32"),
        ("Option<f64>", "horus_core::Bool"),
        ("(f32, f32)", "derives Message"),
        ("&'static f64", "hold the value itself"),
        ("i128", "two u64"),
    ] {
        let words = refused(&format!("#[repr(C)] struct A {{ x: {ty} }}"));
        assert!(words.starts_with("field `x`: ") && words.contains(instead), "{ty}: {words}");
    }
}

#[test]
fn attributes_are_checked() {
    let field =
        |attribute: &str| refused(&format!("#[repr(C)] struct A {{ #[message({attribute})] x: u8 }}"));
    assert_eq!(field("defualt = 1"), "a field takes `default = …` and `one_of(name = number, …)`");
    assert_eq!(field("one_of()"), "one_of needs at least one `name = number`");
    assert_eq!(field("one_of(a = 1, b = 1)"), "`b = 1` repeats the name or number of `a`");
    assert_eq!(field("one_of(a = 1, a = 2)"), "`a = 2` repeats the name or number of `a`");
    assert!(field("one_of(a = 256)").contains("too large"));
    let wide = refused("#[repr(C)] struct A { #[message(one_of(a = 1))] x: u16 }");
    assert_eq!(wide, "field `x`: one_of stands on a u8 only");
    assert_eq!(
        refused("#[repr(C)] #[message(topics = \"a\")] struct A { x: u8 }"),
        "a message takes `topic = \"…\"`, `name = \"…\"` and `variable`"
    );
    assert_eq!(refused("#[repr(C)] #[message(name = \"\")] struct A { x: u8 }"), "the type's name is empty");
}

#[test]
fn padding_is_asserted_by_name_before_the_type_counts_as_plain_data() {
    let tokens = expanded("#[repr(C)] struct A { x: u8, y: f64 }").unwrap().to_string();
    let place = |text: &str| tokens.find(text).unwrap_or_else(|| panic!("{text} in {tokens}"));
    assert!(
        place("padding before field `y` of message `A`")
            < place("padding after field `y`, the last of message `A`")
    );
    assert!(place("padding after field `y`") < place("Pod for A"));
}

#[test]
fn only_a_message_of_one_size_is_plain_data() {
    let plain = |source: &str| expanded(source).unwrap().to_string().contains("bytemuck :: Pod for");
    assert!(plain("#[repr(C)] struct A { x: [u8; 8] }"));
    for source in [
        "struct A { x: Vec<f32> }",
        "#[repr(C)] struct A { x: std::string::String }",
        "struct A { x: [String; 4] }",
        "#[message(variable)] struct A { x: Scan }",
    ] {
        assert!(!plain(source), "{source}");
    }
}

#[test]
fn documentation_for_all_ends_where_examples_begin() {
    let source = "/// A thing\n/// of two lines.\n///\n/// Really.\n///\n/// # Examples\n/// none\n#[repr(C)] struct A { x: u8 }";
    let tokens = expanded(source).unwrap().to_string();
    assert!(tokens.contains(r#"DOC : & 'static str = "A thing of two lines.\n\nReally.""#), "{tokens}");
}

#[test]
fn filling_is_not_set() {
    for attribute in ["default = [1]", "one_of(a = 1)"] {
        let ty = if attribute.starts_with('d') { "[u8; 1]" } else { "u8" };
        let source = format!("#[repr(C)] struct A {{ x: u8, #[message({attribute})] _y: {ty} }}");
        assert_eq!(
            refused(&source),
            "field `_y`: filling is always zero; a field to be set has a name without `_`"
        );
    }
    let varies = refused("struct A { x: u8, _y: Vec<u8> }");
    assert_eq!(varies, "field `_y`: filling is of one size; use `[u8; N]`");
    let tokens = expanded("#[repr(C)] struct A { x: u8, _y: u8 }").unwrap().to_string();
    assert_eq!(tokens.matches("FieldInfo {").count(), 1);
    assert_eq!(tokens.matches(":: Field {").count(), 2);
}
