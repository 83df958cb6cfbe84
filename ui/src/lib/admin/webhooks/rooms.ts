// What a choice of rooms says besides the ids of rooms, which begin with an exclamation mark.
export const ANYWHERE = 'anywhere';
export const ELSEWHERE = 'elsewhere';
