// Reading again and again while the page is looked at.

/**
 * Reads at once and then `everyMs` after the latest reading has ended, however long that took, so
 * that there is never more than one under way. Rests while the page is hidden. Goes on until the
 * answer is called. `read` does not throw.
 */
export function rounds(read: () => Promise<void>, everyMs: number): () => void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let isReading = false;
  let isOver = false;

  const isSeen = () => document.visibilityState === 'visible';

  async function round(): Promise<void> {
    clearTimeout(timer);
    if (isReading) return;
    isReading = true;
    await read();
    isReading = false;
    if (!isOver && isSeen()) timer = setTimeout(round, everyMs);
  }

  function seenOrHidden(): void {
    if (isSeen()) void round();
    else clearTimeout(timer);
  }

  void round();
  document.addEventListener('visibilitychange', seenOrHidden);
  return () => {
    isOver = true;
    clearTimeout(timer);
    document.removeEventListener('visibilitychange', seenOrHidden);
  };
}
