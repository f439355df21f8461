// Every page in every state, as the gallery lays them down as files.
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

export const LANGUAGES = ["fa", "en"];
export const THEMES = ["light", "dark"];

/** Time stands still, and what comes later comes at once: the text is the same each time. */
export const STILL = `{
  const now = Date.now();
  Date.now = () => now;
  const later = setTimeout.bind(window);
  window.setTimeout = (act) => later(act, 0);
}`;

/** The scenes of a gallery: name, language, theme, address. */
export function scenes(gallery, { languages = LANGUAGES, themes = THEMES } = {}) {
  return themes.flatMap((theme) =>
    languages.flatMap((language) => {
      const ending = `.${language}.html`;
      const files = readdirSync(join(gallery, theme)).filter((file) => file.endsWith(ending)).sort();
      if (!files.length) throw new Error(`no pages in ${join(gallery, theme)}`);
      return files.map((file) => ({
        name: file.slice(0, -ending.length),
        language,
        theme,
        url: pathToFileURL(join(gallery, theme, file)).href,
      }));
    }),
  );
}
