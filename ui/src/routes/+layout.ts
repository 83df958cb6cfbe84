// A single page that runs in the browser alone; the daemon serves it for every path.
export const ssr = false;
export const prerender = false;
export const trailingSlash = 'never';
