// The language of the page. Messages (`m.…` of $lib/paraglide/messages) read it while they are
// rendered, so that a page changes its language in place and keeps what was typed.
import {
  extractLocaleFromNavigator,
  getLocale,
  overwriteGetLocale,
  setLocale,
  type Locale,
} from '$lib/paraglide/runtime';

class Language {
  #current = $state<Locale>(typeof window === 'undefined' ? 'en' : getLocale());

  get current(): Locale {
    return this.#current;
  }

  set(locale: Locale): void {
    void setLocale(locale, { reload: false });
    this.#current = locale;
  }
}

export const language = new Language();

overwriteGetLocale(() => language.current);

/** The languages, each in its own words. */
export const LANGUAGES: { value: Locale; label: string }[] = [
  { value: 'en', label: 'English' },
  { value: 'uk', label: 'Українська' },
];

/** What the browser asks for first, whatever was chosen here. */
export const browserLanguage = (): Locale | undefined => extractLocaleFromNavigator();
