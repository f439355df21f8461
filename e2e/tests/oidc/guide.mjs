// The files in a guide of docs/guides: a block of code after `<!-- file: NAME -->`.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

export const here = dirname(fileURLToPath(import.meta.url));

/** Lays the files of a guide down in a folder. */
export function layDown(guide, folder) {
  const text = readFileSync(join(here, "../../../docs/guides", guide), "utf8");
  mkdirSync(folder, { recursive: true });
  const blocks = [...text.matchAll(/^<!-- file: (\S+) -->\n```\w*\n(.*?)^```$/gms)];
  if (!blocks.length) throw new Error(`${guide} has no files`);
  for (const [, name, contents] of blocks) writeFileSync(join(folder, name), contents);
}
