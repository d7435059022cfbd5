//! Does to files what it can, well and badly, and prints what each call says:
//! `files DIRECTORY DIRECTORY`. The first one has a symbolic link `link` to a
//! `file` that is made.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};

use capsock_test_programs::args;

fn main() {
    let args = args();
    let [one, other] = &args[..] else {
        panic!("usage: files DIRECTORY DIRECTORY");
    };
    let at = |path: &str| match path.strip_prefix("2/") {
        Some(path) => format!("{other}/{path}"),
        None => format!("{one}/{path}"),
    };
    for path in ["dir", "dir/inner", "full", "2/dir"] {
        tell("mkdir", &[path], fs::create_dir(at(path)));
    }
    for path in ["file", "full/file", "2/file", "no/file", "dir", "."] {
        let written = File::create(at(path)).and_then(|mut file| file.write_all(b"x"));
        tell("write", &[path], written);
    }
    for path in ["file", ".", "2/file", "no", "file/x"] {
        let set = OpenOptions::new()
            .write(true)
            .open(at(path))
            .and_then(|file| file.set_len(3));
        tell("truncate", &[path], set);
    }
    let pairs = [
        (".", "foo"),
        (".", "dir/foo"),
        (".", "2/foo"),
        (".", "file"),
        (".", "no/foo"),
        ("dir", "foo"),
        ("dir", "dir/foo"),
        ("dir", "2/foo"),
        ("dir/.", "foo"),
        ("dir/..", "foo"),
        ("2/.", "foo"),
        ("file", "."),
        ("file", "hard"),
        ("file", "dir/hard"),
        ("file", "2/hard"),
        ("file", "2/dir/hard"),
        ("2/file", "dir/back"),
        ("link", "of-link"),
        ("link", "2/of-link"),
        ("file", "file"),
        ("file", "2/file"),
        ("no", "foo"),
        ("file", "no/foo"),
        ("no/file", "2/foo"),
    ];
    for (old, new) in pairs {
        tell("link", &[old, new], fs::hard_link(at(old), at(new)));
    }
    for (old, new) in pairs {
        tell("rename", &[old, new], fs::rename(at(old), at(new)));
    }
    for (old, new) in [
        ("full", "2/full"),
        ("2/full", "dir/full"),
        ("dir", "dir/inner/dir"),
        ("dir", "2/dir"),
        ("2/dir", "dir"),
        ("2/file", "dir"),
        ("dir", "2/file"),
    ] {
        tell("rename", &[old, new], fs::rename(at(old), at(new)));
    }
    for path in [".", "dir", "2/file", "2/link", "no", "2/no", "file/x"] {
        tell("unlink", &[path], fs::remove_file(at(path)));
    }
    for path in [".", "dir/inner", "dir", "2/dir", "2/file", "no", "2/."] {
        tell("rmdir", &[path], fs::remove_dir(at(path)));
    }
    for path in [".", "2/.", "dir"] {
        let names = fs::read_dir(at(path)).and_then(|entries| {
            let names = entries.map(|entry| Ok(entry?.file_name().into_string().expect("ASCII")));
            let mut names = names.collect::<io::Result<Vec<String>>>()?;
            names.sort();
            println!("{path}: {names:?}");
            Ok(())
        });
        tell("list", &[path], names);
    }
}

fn tell(call: &str, paths: &[&str], result: io::Result<()>) {
    let said = match result {
        Ok(()) => "ok".to_owned(),
        Err(error) => format!("{:?} {:?}", error.raw_os_error(), error.kind()),
    };
    println!("{call} {}: {said}", paths.join(" "));
}
