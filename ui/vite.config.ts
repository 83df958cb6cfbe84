// How the application is built: one static page and hashed assets in dist/, each with a .br and a
// .gz beside it, which is what the daemon embeds and serves.
import { paraglideVitePlugin } from '@inlang/paraglide-js';
import adapter from '@sveltejs/adapter-static';
import { sveltekit } from '@sveltejs/kit/vite';
import { defineConfig } from 'vite';

/** Where `vite dev` finds a running daemon. */
const daemon = process.env.DAARION_URL ?? 'http://127.0.0.1:7004';

export default defineConfig({
  plugins: [
    paraglideVitePlugin({
      project: './project.inlang',
      outdir: './src/lib/paraglide',
      // One module a message, so that a screen loads no other screen's strings.
      outputStructure: 'message-modules',
      strategy: ['localStorage', 'preferredLanguage', 'baseLocale'],
      localStorageKey: 'daarion.language',
      emitTsDeclarations: true,
    }),
    sveltekit({
      compilerOptions: { runes: true },
      adapter: adapter({ pages: 'dist', assets: 'dist', fallback: 'index.html', precompress: true }),
      // The daemon reads this policy out of the page, adds frame-ancestors and sends it as a
      // header. Style attributes stay allowed: positions of menus and of the virtual list.
      csp: {
        mode: 'hash',
        directives: {
          'default-src': ['none'],
          'script-src': ['self'],
          'style-src': ['self'],
          'style-src-elem': ['self'],
          'style-src-attr': ['unsafe-inline'],
          'img-src': ['self', 'data:', 'blob:'],
          'font-src': ['self'],
          'connect-src': ['self'],
          'manifest-src': ['self'],
          'base-uri': ['none'],
          'form-action': ['self'],
          'object-src': ['none'],
        },
      },
    }),
  ],
  build: {
    // Browsers with light-dark() and nesting: the middle of 2024.
    target: ['chrome123', 'firefox121', 'safari17.5'],
    cssTarget: ['chrome123', 'firefox121', 'safari17.5'],
  },
  server: {
    proxy: {
      '/api': daemon,
      '/ws': { target: daemon, ws: true },
      '/docs': daemon,
    },
  },
});
