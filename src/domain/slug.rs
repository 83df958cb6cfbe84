//! Slugs: what a channel is called in addresses and Matrix aliases.

use super::error::{Error, Result};

/// The longest slug, in characters (all of them ASCII).
pub const MAX_LENGTH: usize = 64;

/// Checks a slug that a caller gave: 1 to 64 of `a-z 0-9 - _`.
pub fn check(slug: &str) -> Result<()> {
    let fits = (1..=MAX_LENGTH).contains(&slug.len())
        && slug.bytes().all(|byte| {
            byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-' || byte == b'_'
        });
    if fits {
        return Ok(());
    }
    Err(Error::invalid(
        "slug",
        format!("must be 1 to {MAX_LENGTH} characters from a-z, 0-9, \"-\" and \"_\""),
    ))
}

/// Makes a slug of a name: Ukrainian is transliterated, everything that is neither a Latin
/// letter nor a digit becomes one hyphen.
pub fn from_name(name: &str) -> Result<String> {
    let mut slug = String::with_capacity(name.len());
    for character in transliterate(&name.to_lowercase()).chars() {
        if character.is_ascii_alphanumeric() {
            slug.push(character);
        } else if !slug.is_empty() && !slug.ends_with('-') {
            slug.push('-');
        }
    }
    slug.truncate(MAX_LENGTH);
    let slug = slug.trim_end_matches('-');
    if slug.is_empty() {
        return Err(Error::invalid(
            "slug",
            "cannot be made from this name, which has no letters or digits of the Latin or \
             Ukrainian alphabet; give a slug",
        ));
    }
    Ok(slug.to_owned())
}

/// Transliterates lower-case Ukrainian by the national standard (Cabinet of Ministers,
/// resolution No. 55 of 27 January 2010). Other characters stay as they are.
fn transliterate(text: &str) -> String {
    let mut latin = String::with_capacity(text.len());
    let mut previous: Option<char> = None;
    for character in text.chars() {
        let starts_word = !previous.is_some_and(is_word_letter);
        match character {
            // The standard writes "зг" as "zgh", apart from "ж", which is "zh".
            'г' if previous == Some('з') => latin.push_str("gh"),
            _ => match letter(character, starts_word) {
                Some(letters) => latin.push_str(letters),
                None => latin.push(character),
            },
        }
        previous = Some(character);
    }
    latin
}

/// The soft sign and the apostrophe are inside a word although they are written as nothing.
fn is_word_letter(character: char) -> bool {
    character.is_alphanumeric() || is_apostrophe(character)
}

fn is_apostrophe(character: char) -> bool {
    matches!(character, '\'' | '\u{2019}' | '\u{02bc}')
}

fn letter(character: char, starts_word: bool) -> Option<&'static str> {
    Some(match character {
        'а' => "a",
        'б' => "b",
        'в' => "v",
        'г' => "h",
        'ґ' => "g",
        'д' => "d",
        'е' => "e",
        'є' if starts_word => "ye",
        'є' => "ie",
        'ж' => "zh",
        'з' => "z",
        'и' => "y",
        'і' => "i",
        'ї' if starts_word => "yi",
        'ї' => "i",
        'й' if starts_word => "y",
        'й' => "i",
        'к' => "k",
        'л' => "l",
        'м' => "m",
        'н' => "n",
        'о' => "o",
        'п' => "p",
        'р' => "r",
        'с' => "s",
        'т' => "t",
        'у' => "u",
        'ф' => "f",
        'х' => "kh",
        'ц' => "ts",
        'ч' => "ch",
        'ш' => "sh",
        'щ' => "shch",
        'ю' if starts_word => "yu",
        'ю' => "iu",
        'я' if starts_word => "ya",
        'я' => "ia",
        'ь' => "",
        apostrophe if is_apostrophe(apostrophe) => "",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ukrainian_follows_the_national_standard() {
        // The examples of the resolution itself, in lower case.
        for (ukrainian, latin) in [
            ("Алушта", "alushta"),
            ("Володимир", "volodymyr"),
            ("Гадяч", "hadiach"),
            ("Ґалаґан", "galagan"),
            ("Єнакієве", "yenakiieve"),
            ("Житомир", "zhytomyr"),
            ("Згорани", "zghorany"),
            ("Розгон", "rozghon"),
            ("Їжакевич", "yizhakevych"),
            ("Кадиївка", "kadyivka"),
            ("Йосипівка", "yosypivka"),
            ("Стрий", "stryi"),
            ("Щербухи", "shcherbukhy"),
            ("Юрій", "yurii"),
            ("Корюківка", "koriukivka"),
            ("Яготин", "yahotyn"),
            ("Знам'янка", "znamianka"),
            ("Русь", "rus"),
            ("Хмельницький", "khmelnytskyi"),
            ("Біла Церква", "bila-tserkva"),
        ] {
            assert_eq!(from_name(ukrainian).as_deref(), Ok(latin), "{ukrainian}");
        }
    }

    #[test]
    fn names_become_tidy_slugs() {
        assert_eq!(
            from_name("  General — Chat!! ").as_deref(),
            Ok("general-chat")
        );
        assert_eq!(from_name("R2-D2").as_deref(), Ok("r2-d2"));
        let long = from_name(&"ab ".repeat(60)).expect("a slug");
        assert!(long.len() <= MAX_LENGTH && !long.ends_with('-'));
        assert!(from_name("🎉🎉").is_err());
        assert!(from_name("漢字").is_err());
    }

    #[test]
    fn given_slugs_are_checked_not_mended() {
        for good in ["a", "general", "a-b_c-9", &"x".repeat(64)] {
            assert_eq!(check(good), Ok(()), "{good}");
        }
        for bad in [
            "",
            "General",
            "кімната",
            "a b",
            "a.b",
            "🎉",
            &"x".repeat(65),
        ] {
            assert!(check(bad).is_err(), "{bad}");
        }
    }
}
