// Lists that are typed into one field.

/** What stands between blanks, commas and line breaks. */
export const words = (text: string): string[] => text.split(/[\s,]+/).filter(Boolean);
