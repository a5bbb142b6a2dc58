// The probe: prints a digest of one instance's data.
//
// Run as `node digest.js FOLDER INSTANCE`, where FOLDER holds a folder for each instance.

import { createHash } from 'node:crypto'
import { readdirSync, readFileSync, realpathSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** One digest of the names and the contents of all files in a folder. */
export function digestOf (folder) {
  const total = createHash('sha256')
  for (const name of readdirSync(folder).sort()) {
    const content = createHash('sha256').update(readFileSync(join(folder, name))).digest('hex')
    total.update(`${name}\0${content}\n`)
  }
  return `sha256:${total.digest('hex')}`
}

if (process.argv[1] && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  console.log(digestOf(join(process.argv[2], process.argv[3])))
}
