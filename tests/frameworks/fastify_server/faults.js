// What can be switched to wrong in this server: mistakes that authors of Fastify services make.

/** @type {Record<string, {clauses: string[], level: 'MUST' | 'SHOULD', about: string}>} */
export const CATALOGUE = {
  'any-content-type': {
    clauses: ['JOB-7'],
    level: 'MUST',
    about: 'A catch-all content type parser reads whatever comes as JSON, text/plain too.'
  },
  'array-coercion': {
    clauses: ['JOB-5'],
    level: 'MUST',
    about: "The framework's default coercion takes an array of one string for a string in a body."
  },
  'capability-after-lookup': {
    clauses: ['CAP-9'],
    level: 'SHOULD',
    about: 'The capability is checked in a preHandler, after validation and after the resource was looked up.'
  },
  'completed-before-written': {
    clauses: ['RST-8'],
    level: 'MUST',
    about: 'The copy is not awaited: the job is completed while the data is still on its way.'
  },
  'default-error-shape': {
    clauses: ['ERR-1'],
    level: 'MUST',
    about: "No error handler: errors keep the framework's own shape, where error is a string."
  },
  'delete-ignores-hub': {
    clauses: ['DEL-4'],
    level: 'MUST',
    about: 'The deletion finds its backup by id alone, whatever container and hub the address names.'
  },
  'echo-key': {
    clauses: ['ERR-7'],
    level: 'MUST',
    about: 'The message of a refusal quotes the key, for easier debugging.'
  },
  'expiry-in-seconds': {
    clauses: ['AUTH-3'],
    level: 'MUST',
    about: "A key's expiry in milliseconds is compared with the time in seconds, so no key ever expires."
  },
  'first-include-only': {
    clauses: ['INC-3'],
    level: 'MUST',
    about: 'Included is the integration of the first backup, where those of all were meant.'
  },
  'head-unguarded': {
    clauses: ['AUTH-10'],
    level: 'MUST',
    about: 'The hook that looks at the key leaves HEAD out, together with OPTIONS.'
  },
  'ids-by-the-second': {
    clauses: ['JOB-3'],
    level: 'MUST',
    about: "A job's id is made of the time in seconds, so two in one second share it."
  },
  'int32-size': {
    clauses: ['BKP-3'],
    level: 'MUST',
    about: 'Sizes are made integers with "| 0", which wraps at 32 bits: three gigabytes are negative.'
  },
  'late-heartbeat': {
    clauses: ['RST-5'],
    level: 'MUST',
    about: 'A heartbeat timer is not cleared, and its last beat sets a completed job to running again.'
  },
  'latin1-bytes': {
    clauses: ['HTTP-1'],
    level: 'MUST',
    about: 'A hook turns the payload into a Buffer as latin1, so an é in a path is not UTF-8.'
  },
  'manage-implies-view': {
    clauses: ['CAP-1', 'CAP-2', 'CAP-3'],
    level: 'MUST',
    about: 'Whoever may manage may view: the roles are ranked, and the contract has no rank.'
  },
  'nested-query-500': {
    clauses: ['HTTP-3', 'LIST-10'],
    level: 'MUST',
    about: 'The query has no schema, and page[number][x]=1 is an object where the handler trims a string.'
  },
  'origin-twice': {
    clauses: ['HTTP-6'],
    level: 'SHOULD',
    about: 'Access-Control-Allow-Origin is set by the plugin and by a hook from before the plugin, so it comes twice.'
  },
  'page-from-zero': {
    clauses: ['LIST-5'],
    level: 'MUST',
    about: 'The page is cut at number × size, as if pages counted from zero: the first is never shown.'
  },
  'parser-without-status': {
    clauses: ['HTTP-3', 'JOB-4'],
    level: 'MUST',
    about: 'An own JSON parser passes the bare SyntaxError on, which has no status code: 500.'
  },
  'restore-to-source': {
    clauses: ['RST-9'],
    level: 'MUST',
    about: 'The data goes to the instance that was asked for and also to the one that the backup was made of.'
  },
  'schema-without-error': {
    clauses: ['RST-4'],
    level: 'MUST',
    about: 'The response schema of a log forgets error, and the serializer leaves out what the schema does not name.'
  },
  'secrets-shown': {
    clauses: ['INC-7'],
    level: 'SHOULD',
    about: 'An included integration is sent as it is stored, its auth.secret too.'
  },
  'sort-in-place': {
    clauses: ['HTTP-4'],
    level: 'MUST',
    about: 'Array.prototype.sort sorts the stored list itself: the order of one request stays for the next.'
  },
  'stuck-after-failure': {
    clauses: ['RST-1'],
    level: 'MUST',
    about: 'The queue is a chain of promises without a catch: after a failed restore nothing in it runs any more.'
  }
}

/** The faults that are switched on; a name that the catalogue lacks is a mistake. */
export class Faults {
  #on = new Set()

  constructor (names) {
    for (const name of names) {
      this.#on.add(known(name))
    }
  }

  on (name) {
    return this.#on.has(known(name))
  }
}

function known (name) {
  if (!Object.hasOwn(CATALOGUE, name)) {
    throw new Error(`unknown fault: ${name}`)
  }
  return name
}
