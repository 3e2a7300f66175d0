//! The wire contract may grow, never change: compares the descriptors with `baseline.txt`.
//!
//! A line per field, enum value and method. A line of the baseline that is gone is a breaking change and
//! always fails. New lines fail until `cargo xtask codegen` has taken them over.

#![allow(clippy::expect_used, clippy::unwrap_used)] // a test that cannot go on fails

use std::collections::BTreeSet;
use std::path::Path;

use prost_types::field_descriptor_proto::Label;
use prost_types::{DescriptorProto, EnumDescriptorProto, FileDescriptorProto, FileDescriptorSet};

fn descriptors() -> FileDescriptorSet {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("proto");
    let mut files: Vec<_> = std::fs::read_dir(root.join("parley/media/v1"))
        .expect("the proto folder")
        .map(|entry| entry.expect("a readable folder").path())
        .collect();
    files.sort();
    protox::compile(&files, [root]).expect("valid protos")
}

fn message_lines(prefix: &str, message: &DescriptorProto, lines: &mut BTreeSet<String>) {
    let name = format!("{prefix}.{}", message.name());
    lines.insert(format!("message {name}"));
    for field in &message.field {
        let many = if field.label() == Label::Repeated {
            "repeated "
        } else {
            ""
        };
        let kind = match field.type_name() {
            "" => format!("{:?}", field.r#type()),
            named => named.to_owned(),
        };
        let group = field.oneof_index.map_or("", |_| " in a oneof");
        lines.insert(format!(
            "field {name}.{} = {} {many}{kind}{group}",
            field.name(),
            field.number()
        ));
    }
    for nested in &message.nested_type {
        message_lines(&name, nested, lines);
    }
    for nested in &message.enum_type {
        enum_lines(&name, nested, lines);
    }
}

fn enum_lines(prefix: &str, enumeration: &EnumDescriptorProto, lines: &mut BTreeSet<String>) {
    let name = format!("{prefix}.{}", enumeration.name());
    for value in &enumeration.value {
        lines.insert(format!(
            "value {name}.{} = {}",
            value.name(),
            value.number()
        ));
    }
}

fn file_lines(file: &FileDescriptorProto, lines: &mut BTreeSet<String>) {
    let package = file.package();
    for message in &file.message_type {
        message_lines(package, message, lines);
    }
    for enumeration in &file.enum_type {
        enum_lines(package, enumeration, lines);
    }
    for service in &file.service {
        for method in &service.method {
            let stream = |yes: bool| if yes { "stream " } else { "" };
            lines.insert(format!(
                "method {package}.{}/{} ({}{}) -> {}{}",
                service.name(),
                method.name(),
                stream(method.client_streaming()),
                method.input_type(),
                stream(method.server_streaming()),
                method.output_type()
            ));
        }
    }
}

#[test]
fn the_contract_only_grows() {
    let mut now = BTreeSet::new();
    for file in &descriptors().file {
        file_lines(file, &mut now);
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("baseline.txt");
    let text = std::fs::read_to_string(&path).unwrap_or_default();
    let before: BTreeSet<String> = text.lines().map(str::to_owned).collect();
    let gone: Vec<_> = before.difference(&now).collect();
    assert!(
        gone.is_empty(),
        "breaking change of parley.media.v1, gone or changed: {gone:#?}"
    );
    let new: Vec<_> = now.difference(&before).collect();
    if std::env::var_os("PARLEY_TAKE_ADDITIONS").is_some() {
        let mut text: String = now.iter().flat_map(|line| [line.as_str(), "\n"]).collect();
        text.truncate(text.trim_end().len() + 1);
        std::fs::write(&path, text).expect("a writable baseline");
    } else {
        assert!(
            new.is_empty(),
            "not in the baseline yet, run `cargo xtask codegen`: {new:#?}"
        );
    }
}
