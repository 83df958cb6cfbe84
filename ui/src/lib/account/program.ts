// What a program calls itself, in a few words.
import { m } from '$lib/paraglide/messages';

/** In this order: each names the ones that it came from, too. */
const BROWSERS: [RegExp, string][] = [
  [/Edg\w*\//, 'Edge'],
  [/OPR\//, 'Opera'],
  [/Firefox\/|FxiOS\//, 'Firefox'],
  [/Chrome\/|CriOS\/|HeadlessChrome/, 'Chrome'],
  [/Version\/.*Safari\//, 'Safari'],
];
const SYSTEMS: [RegExp, string][] = [
  [/Android/, 'Android'],
  [/iPhone|iPad/, 'iOS'],
  [/Windows/, 'Windows'],
  [/Mac OS X/, 'macOS'],
  [/Linux/, 'Linux'],
];
const LONGEST = 60;

const find = (among: [RegExp, string][], text: string): string | undefined =>
  among.find(([sign]) => sign.test(text))?.[1];

export function programOf(userAgent: string | null | undefined): string {
  if (!userAgent) return m.session_unknown();
  const browser = find(BROWSERS, userAgent);
  const system = find(SYSTEMS, userAgent);
  if (browser && system) return m.session_program({ browser, system });
  return browser ?? (userAgent.length > LONGEST ? `${userAgent.slice(0, LONGEST)}…` : userAgent);
}
