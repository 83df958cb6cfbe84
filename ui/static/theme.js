// Runs before the first paint, so that a chosen theme does not flash. See lib/theme.svelte.ts.
(function () {
  try {
    var theme = localStorage.getItem('daarion.theme');
    if (theme === 'light' || theme === 'dark') document.documentElement.dataset.theme = theme;
  } catch (_) {
    // Storage is forbidden: the system's theme it is.
  }
})();
