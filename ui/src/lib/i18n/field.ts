// Times as the fields of a form have them: in the calendar and the clock of the reader.

const two = (number: number): string => String(number).padStart(2, '0');

/** `2026-11-26T14:05` */
export const asField = (at: Date): string =>
  `${[at.getFullYear(), two(at.getMonth() + 1), two(at.getDate())].join('-')}T${two(at.getHours())}:${two(at.getMinutes())}`;
