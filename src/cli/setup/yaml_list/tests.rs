//! The shapes that homeserver.yaml is met in, text in and text out.

use super::*;

const KEY: &str = "app_service_config_files";
const ENTRY: &str = "/etc/matrix-synapse/daarion-registration.yaml";

fn added(text: &str) -> String {
    add(text, KEY, ENTRY, &["daarion."])
        .expect("a shape that is known")
        .expect("it was not there")
}

fn refused(text: &str) -> String {
    add(text, KEY, ENTRY, &[]).expect_err(text).to_string()
}

/// Adding and taking away again gives the text back.
fn there_and_back(text: &str, with: &str) {
    assert_eq!(added(text), with);
    let back = remove(with, KEY, ENTRY).expect("a shape that is known");
    assert_eq!(back.as_deref(), Some(text));
}

#[test]
fn absent_key_is_made_at_the_end() {
    assert_eq!(
        added("server_name: example.org\n# the end\n"),
        format!("server_name: example.org\n# the end\n\n# daarion.\n{KEY}:\n  - {ENTRY}\n")
    );
}

#[test]
fn last_line_without_an_end_gets_one() {
    assert_eq!(
        added("server_name: example.org"),
        format!("server_name: example.org\n\n# daarion.\n{KEY}:\n  - {ENTRY}\n")
    );
}

#[test]
fn empty_file_gets_the_key_alone() {
    assert_eq!(added(""), format!("# daarion.\n{KEY}:\n  - {ENTRY}\n"));
}

#[test]
fn commented_out_key_is_where_it_goes() {
    let text = format!("a: 1\n#{KEY}:\n#  - app_service_1.yaml\n#  - two.yaml\n\nb: 2\n");
    assert_eq!(
        added(&text),
        format!(
            "a: 1\n#{KEY}:\n#  - app_service_1.yaml\n#  - two.yaml\n# daarion.\n{KEY}:\n  - {ENTRY}\n\nb: 2\n"
        )
    );
}

#[test]
fn block_list_keeps_its_comments_and_indentation() {
    there_and_back(
        &format!(
            "{KEY}:\n    # the bridge\n    - /etc/bridge.yaml # v2\n\n    - '/etc/other one.yaml'\n# next\nb: 2\n"
        ),
        &format!(
            "{KEY}:\n    # the bridge\n    - /etc/bridge.yaml # v2\n\n    - '/etc/other one.yaml'\n    - {ENTRY}\n# next\nb: 2\n"
        ),
    );
}

#[test]
fn block_list_without_indentation_stays_so() {
    there_and_back(
        &format!("{KEY}:\n- a.yaml\n- \"b.yaml\"\nb: 2\n"),
        &format!("{KEY}:\n- a.yaml\n- \"b.yaml\"\n- {ENTRY}\nb: 2\n"),
    );
}

#[test]
fn block_list_at_the_end_of_a_file_without_a_line_end() {
    assert_eq!(
        added(&format!("{KEY}:\n  - a.yaml")),
        format!("{KEY}:\n  - a.yaml\n  - {ENTRY}\n")
    );
}

#[test]
fn empty_list_is_filled_in_place() {
    there_and_back(
        &format!("{KEY}: []  # none yet\nb: 2\n"),
        &format!("{KEY}: [{ENTRY}]  # none yet\nb: 2\n"),
    );
    assert_eq!(
        added(&format!("{KEY}: [ ]\n")),
        format!("{KEY}: [{ENTRY} ]\n")
    );
}

#[test]
fn flow_list_gets_an_entry_more() {
    there_and_back(
        &format!("{KEY}: [\"a, b.yaml\", 'it''s.yaml']\nb: 2\n"),
        &format!("{KEY}: [\"a, b.yaml\", 'it''s.yaml', {ENTRY}]\nb: 2\n"),
    );
    assert_eq!(
        added(&format!("{KEY}: [a.yaml,]\n")),
        format!("{KEY}: [a.yaml, {ENTRY}]\n")
    );
}

#[test]
fn flow_list_over_several_lines_keeps_its_comments() {
    there_and_back(
        &format!("{KEY}: [\n  a.yaml, # ] no end\n  b#.yaml  # the last\n]\nb: 2\n"),
        &format!("{KEY}: [\n  a.yaml, # ] no end\n  b#.yaml, {ENTRY}  # the last\n]\nb: 2\n"),
    );
}

#[test]
fn entry_is_found_among_others_to_be_removed() {
    let text = format!("{KEY}: [{ENTRY}, b.yaml]\n");
    let left = remove(&text, KEY, ENTRY).expect("a known shape");
    assert_eq!(left, Some(format!("{KEY}: [b.yaml]\n")));
    let text = format!("{KEY}:\n  - a.yaml\n  - \"{ENTRY}\" # ours\n  - c.yaml\n");
    let left = remove(&text, KEY, ENTRY).expect("a known shape");
    assert_eq!(left, Some(format!("{KEY}:\n  - a.yaml\n  - c.yaml\n")));
}

#[test]
fn last_entry_leaves_an_empty_list() {
    let text = format!("a: 1\n{KEY}:\n  - {ENTRY}\nb: 2\n");
    let left = remove(&text, KEY, ENTRY).expect("a known shape");
    assert_eq!(left, Some(format!("a: 1\n{KEY}: []\nb: 2\n")));
}

#[test]
fn key_without_a_value_is_filled() {
    assert_eq!(
        added(&format!("{KEY}:\nb: 2\n")),
        format!("{KEY}:\n  - {ENTRY}\nb: 2\n")
    );
    assert_eq!(
        added(&format!("{KEY}: null # none\n")),
        format!("{KEY}:  # none\n  - {ENTRY}\n")
    );
    assert_eq!(
        added(&format!("a: 1\n{KEY}: ~\nb: 2\n")),
        format!("a: 1\n{KEY}:\n  - {ENTRY}\nb: 2\n")
    );
    assert_eq!(
        added(&format!("{KEY}: # later\n# - x\nb: 2\n")),
        format!("{KEY}:  # later\n  - {ENTRY}\n# - x\nb: 2\n")
    );
}

#[test]
fn line_ends_of_windows_stay() {
    there_and_back(
        &format!("a: 1\r\n{KEY}:\r\n  - a.yaml\r\nb: 2\r\n"),
        &format!("a: 1\r\n{KEY}:\r\n  - a.yaml\r\n  - {ENTRY}\r\nb: 2\r\n"),
    );
    assert_eq!(
        added("a: 1\r\n"),
        format!("a: 1\r\n\r\n# daarion.\r\n{KEY}:\r\n  - {ENTRY}\r\n")
    );
    there_and_back(
        &format!("{KEY}: [a.yaml]\r\n"),
        &format!("{KEY}: [a.yaml, {ENTRY}]\r\n"),
    );
}

#[test]
fn entry_that_is_there_is_not_added_again() {
    for text in [
        format!("{KEY}:\n  - {ENTRY}\n"),
        format!("{KEY}: [a, '{ENTRY}']\n"),
    ] {
        assert_eq!(add(&text, KEY, ENTRY, &[]), Ok(None), "{text}");
    }
    assert_eq!(remove("a: 1\n", KEY, ENTRY), Ok(None));
}

#[test]
fn key_inside_of_another_one_is_none() {
    assert_eq!(
        added(&format!("modules:\n  {KEY}: [x]\n")),
        format!("modules:\n  {KEY}: [x]\n\n# daarion.\n{KEY}:\n  - {ENTRY}\n")
    );
}

#[test]
fn odd_path_is_quoted() {
    let text = add("a: 1\n", KEY, "/etc/my synapse/d: #1.yaml", &[]);
    assert_eq!(
        text,
        Ok(Some(format!(
            "a: 1\n\n{KEY}:\n  - \"/etc/my synapse/d: #1.yaml\"\n"
        )))
    );
}

#[test]
fn what_is_not_understood_is_refused() {
    let shape = format!("has {KEY} in a form that cannot be changed safely");
    for text in [
        format!("{{\"{KEY}\": []}}\n"),
        format!("\"{KEY}\":\n  - a\n"),
        format!("a: &list [x]\n{KEY}: *list\n"),
        format!("{KEY}: &list\n  - a\n"),
        format!("{KEY}: !!seq\n  - a\n"),
        "a: 1\n...\n".to_owned(),
    ] {
        assert_eq!(refused(&text), shape, "{text}");
    }
    let no_list = format!("has {KEY} as something else than a list");
    for text in [
        format!("{KEY}: /one.yaml\n"),
        format!("{KEY}:\n  - [a]\n"),
        format!("{KEY}:\n  a: 1\n"),
    ] {
        assert_eq!(refused(&text), no_list, "{text}");
    }
    assert_eq!(refused("- a\n"), "holds no keys");
    assert!(refused("a: [\n").starts_with("is not YAML that can be read: "));
}
