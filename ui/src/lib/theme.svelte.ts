// Light or dark: the system's choice, or the one that was made here and is remembered. The first
// paint is static/theme.js's.

export type Theme = 'system' | 'light' | 'dark';

const KEY = 'daarion.theme';

class ThemeChoice {
  current = $state<Theme>(remembered());

  set(theme: Theme): void {
    this.current = theme;
    if (theme === 'system') {
      delete document.documentElement.dataset.theme;
      localStorage.removeItem(KEY);
    } else {
      document.documentElement.dataset.theme = theme;
      localStorage.setItem(KEY, theme);
    }
  }
}

function remembered(): Theme {
  if (typeof localStorage === 'undefined') return 'system';
  const kept = localStorage.getItem(KEY);
  return kept === 'light' || kept === 'dark' ? kept : 'system';
}

export const theme = new ThemeChoice();
