//! What a visitor's `User-Agent` says of them. It is a number in a chart: nobody loses a sale by it.

/// Who followed a link, as far as their `User-Agent` tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Person,
    /// A program that calls itself a crawler.
    Bot,
    /// A program that shows a link's page to somebody who has not followed it.
    Preview,
}

/// The programs that preview links, by the exact name of their product. They get no click ID.
const PREVIEWERS: [&str; 20] = [
    "bingpreview",
    "bluesky",
    "discordbot",
    "embedly",
    "facebookexternalhit",
    "facebot",
    "google-pagerenderer",
    "iframely",
    "linkedinbot",
    "mastodon",
    "redditbot",
    "skypeuripreview",
    "slack-imgproxy",
    "slackbot",
    "slackbot-linkexpanding",
    "telegrambot",
    "twitterbot",
    "vkshare",
    "whatsapp",
    "zoombot",
];

/// What crawlers call themselves, as a part of a word or behind one.
const CRAWLERS: [&str; 8] = [
    "crawl",
    "spider",
    "slurp",
    "archiver",
    "scraper",
    "lighthouse",
    "(+http",
    "; +http",
];

impl Verdict {
    /// A pure function of the text: the same agent has the same verdict, whoever came before.
    ///
    /// Scripts, people at a terminal and visitors without a `User-Agent` are people here.
    pub(super) fn of(agent: &str) -> Self {
        let agent = agent.to_ascii_lowercase();
        let product = |word: &str| word.split('/').next().unwrap_or_default().to_owned();
        let mut words = agent.split([' ', ';', '(', ')', ',']).map(product);
        if words.any(|word| PREVIEWERS.contains(&word.as_str())) {
            Self::Preview
        } else if is_robot(&agent) || CRAWLERS.iter().any(|name| agent.contains(name)) {
            Self::Bot
        } else {
            Self::Person
        }
    }

    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Person => "person",
            Self::Bot => "bot",
            Self::Preview => "preview",
        }
    }
}

/// Whether a word ends in `bot`. Cubot makes phones.
fn is_robot(agent: &str) -> bool {
    agent.match_indices("bot").any(|(start, _)| {
        let next = agent[start + 3..].chars().next();
        !next.is_some_and(char::is_alphabetic) && !agent[..start].ends_with("cu")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHROME: &str = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/143.0.0.0 Safari/537.36";

    #[test]
    fn verdicts() {
        for preview in [
            "facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)",
            "Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)",
            "Twitterbot/1.0",
            "WhatsApp/2.23.20.0 A",
            "TelegramBot (like TwitterBot)",
        ] {
            assert_eq!(Verdict::of(preview), Verdict::Preview, "{preview}");
        }
        for bot in [
            "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
            "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; GPTBot/1.2)",
            "Mozilla/5.0 (compatible; Baiduspider/2.0)",
            "Mozilla/5.0 (compatible; AhrefsBot/7.0; +http://ahrefs.com/robot/)",
        ] {
            assert_eq!(Verdict::of(bot), Verdict::Bot, "{bot}");
        }
        for person in [
            CHROME,
            "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
            "Mozilla/5.0 (iPhone; CPU iPhone OS 17_4 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.4 Mobile/15E148 Safari/604.1",
            "Mozilla/5.0 (Linux; U; Android 9; CUBOT X19) AppleWebKit/537.36 Chrome/98 Mobile Safari/537.36",
            "Mozilla/5.0 (Linux; Android 15) AppleWebKit/537.36 Botticelli/1.0",
            "Mozilla/5.0",
            "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/143.0.0.0 Safari/537.36",
            "curl/8.5.0",
            "python-requests/2.31",
            "",
        ] {
            assert_eq!(Verdict::of(person), Verdict::Person, "{person}");
        }
    }

    /// A verdict that was kept by length and ends gave people a crawler's.
    #[test]
    fn who_came_before_does_not_count() {
        let crawler = CHROME.replace("Windows", "bot ows");
        assert_eq!(crawler.len(), CHROME.len());
        for _ in 0..1_000 {
            assert_eq!(Verdict::of(&crawler), Verdict::Bot);
            assert_eq!(Verdict::of(CHROME), Verdict::Person);
        }
    }
}
