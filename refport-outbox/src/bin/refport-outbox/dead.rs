use anyhow::bail;
use refport_outbox::{DeadLetter, Outbox, Page, Selection, refport_core::Timestamp};
use serde::Serialize;
use serde_json::{Value as Json, json};

use crate::{
    args::{DeadList, DeadReplay},
    print::{Printer, Value, table},
    span,
};

/// A page of the list.
#[derive(Serialize)]
struct Letters {
    dead_letters: Vec<DeadLetter>,
    /// For `--after`, where there are more.
    next_after: Option<i64>,
}

pub(crate) async fn list(outbox: &Outbox, args: DeadList, printer: &Printer) -> anyhow::Result<()> {
    let limit = usize::try_from(args.limit.get())?;
    // One more than is shown, to know whether there are more.
    let mut page = Page::first().after(args.after).limit(limit + 1);
    if let Some(name) = args.destination {
        page = page.destination(name);
    }
    let mut dead_letters = outbox.dead_letters(&page).await?;
    let there_are_more = dead_letters.len() > limit;
    dead_letters.truncate(limit);
    let next_after = dead_letters.last().map(|letter| letter.id);
    let next_after = next_after.filter(|_| there_are_more);
    printer.answer(
        &Letters {
            dead_letters,
            next_after,
        },
        listed,
    )?;
    Ok(())
}

fn listed(letters: &Letters) -> String {
    if letters.dead_letters.is_empty() {
        return "no dead letters".to_owned();
    }
    let now = Timestamp::now();
    let rows = letters.dead_letters.iter().map(|letter| {
        [
            letter.id.into(),
            letter.destination.as_str().into(),
            letter.key.as_str().into(),
            span::show(span::between(letter.died_at, now)).into(),
            letter.attempts.into(),
            letter.reason.as_str().into(),
            letter.status.into(),
            letter.code.as_deref().into(),
        ]
    });
    let header = [
        "id",
        "destination",
        "key",
        "died",
        "attempts",
        "reason",
        "status",
        "code",
    ];
    let table = table::<8>(header, rows);
    match letters.next_after {
        Some(after) => format!("{table}\n\nmore with --after {after}"),
        None => table,
    }
}

/// A dead letter with its event.
#[derive(Serialize)]
struct Whole {
    #[serde(flatten)]
    letter: DeadLetter,
    payload: Json,
}

pub(crate) async fn show(outbox: &Outbox, id: i64, printer: &Printer) -> anyhow::Result<()> {
    let Some(letter) = outbox.dead_letter(id).await? else {
        bail!(
            "no dead letter has the number {id}: `refport-outbox dead list` shows those there are"
        );
    };
    // What another program wrote may be no JSON, and may be the reason.
    let payload =
        serde_json::from_str(letter.payload()).unwrap_or_else(|_| Json::from(letter.payload()));
    printer.answer(&Whole { letter, payload }, shown)?;
    Ok(())
}

fn shown(Whole { letter, payload }: &Whole) -> String {
    let rows: [(&str, Value); 10] = [
        ("id", letter.id.to_string().into()),
        ("destination", letter.destination.as_str().into()),
        ("key", letter.key.as_str().into()),
        ("enqueued", letter.created_at.to_string().into()),
        ("died", letter.died_at.to_string().into()),
        ("attempts", letter.attempts.to_string().into()),
        ("reason", letter.reason.as_str().into()),
        (
            "status",
            letter.status.map(|status| status.to_string()).into(),
        ),
        ("code", letter.code.as_deref().into()),
        ("message", letter.message.as_deref().into()),
    ];
    let rows = rows.map(|(name, value)| [name.into(), value]);
    format!("{}\n\n{payload:#}", table::<2>(["field", "value"], rows))
}

pub(crate) async fn replay(
    outbox: &Outbox,
    args: DeadReplay,
    printer: &Printer,
) -> anyhow::Result<()> {
    let mut replayed = 0;
    let mut missing = Vec::new();
    if args.all {
        let selection = args
            .destination
            .map_or(Selection::All, Selection::Destination);
        replayed = outbox.replay(&selection).await?;
    }
    for id in args.ids {
        match outbox.replay(&Selection::One(id)).await? {
            0 => missing.push(id),
            more => replayed += more,
        }
    }
    let answer = json!({ "replayed": replayed, "missing": missing });
    printer.answer(&answer, |_| format!("{replayed} wait for delivery again"))?;
    if !missing.is_empty() {
        let missing: Vec<_> = missing.iter().map(ToString::to_string).collect();
        bail!("no dead letter has the number {}", missing.join(", "));
    }
    Ok(())
}
