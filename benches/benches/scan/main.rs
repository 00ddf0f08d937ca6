//! What finding the click ID in a `Cookie` header costs beside its peers: instructions a call, by
//! case. Informs; no ratio gates yet.

mod cases;
mod contenders;
mod runs;
#[path = "../../../refport-core/src/cookie/scan.rs"]
#[allow(dead_code, reason = "one of its two ways")]
mod scan;

use refport_core::ClickId;

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments == ["counted"] {
        runs::counted();
        return Ok(());
    }
    let cases = cases::all();
    for case in &cases {
        eprintln!("{} {}", case.name, case.bytes);
        for c in &contenders::ALL {
            if c.reads() {
                let found: Option<ClickId> = (c.find)(case);
                assert_eq!(
                    found.as_ref().map(ClickId::as_str),
                    case.found,
                    "{} {}",
                    c.name,
                    case.name
                );
            }
        }
    }
    let costs = refport_bench::callgrind::each_call("scan::runs::repeat", &["counted"])?.unwrap();
    let mut costs = costs.chunks(3);
    for c in &contenders::ALL {
        print!("{:20}", c.name);
        for _ in &cases {
            let [_, a, b] = costs.next().unwrap() else {
                panic!()
            };
            print!(
                " {:9.1}/{:3}",
                (b.instructions - a.instructions) as f64 / 10.0,
                (b.allocations - a.allocations) as f64 / 10.0
            );
        }
        println!();
    }
    Ok(())
}
