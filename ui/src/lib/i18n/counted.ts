// The inputs of a message with plural forms: the number to choose by, and as it is written.
import { number } from './time';

export const counted = (count: number): { count: number; shown: string } => ({
  count,
  shown: number(count),
});
