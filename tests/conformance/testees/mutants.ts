import type { Answer, Control, Hello, Testee } from '../../../src/conformance/testee.js'
import { wgrokTestee } from '../../../src/conformance/wgrok-testee.js'
import { junkClient, openDoor } from './bridge-mutants.js'

/** An implementation that is broken on purpose, in one way. */
export interface Mutant {
  readonly name: string
  /** Cases that must notice, at least. */
  readonly trips: readonly string[]
  /** Breaks more than half of what there is: a safety net below the others. */
  readonly crude?: boolean
  testee(): Testee
}

type Json = Record<string, unknown>
type Next = () => Promise<Answer>
type Break = (op: string, input: Json, next: Next) => Answer | Promise<Answer>

function mutant(name: string, trips: readonly string[], run: Break, more: { readonly crude?: boolean } = {}): Mutant {
  return {
    name,
    trips,
    ...more,
    testee: () => {
      const sound = wgrokTestee('broken')
      return {
        ...sound,
        hello: async (): Promise<Hello> => ({ ...(await sound.hello()), impl: { ...IMPL, name: `mutant-${name}` } }),
        run: async (op, input) => run(op, input as Json, () => sound.run(op, input)),
      }
    },
  }
}

const IMPL = { language: 'typescript', version: 'broken' }

/** Changes what is answered by some operations. */
function changes(ops: RegExp, change: (ok: never, input: Json) => unknown): Break {
  return async (op, input, next) => {
    const answer = await next()
    return ops.test(op) && 'ok' in answer ? { ok: change(answer.ok as never, input) } : answer
  }
}

/** Answers some operations by itself. */
function answers(ops: RegExp, answer: (input: Json) => unknown): Break {
  return (op, input, next) => (ops.test(op) ? { ok: answer(input) } : next())
}

/** Answers where it should refuse. */
function forgives(ops: RegExp, codes: RegExp, answer: (input: Json) => unknown): Break {
  return async (op, input, next) => {
    const given = await next()
    return ops.test(op) && 'error' in given && codes.test(given.error.code) ? { ok: answer(input) } : given
  }
}

/** Changes what is asked. */
function asks(ops: RegExp, change: (input: Json) => Json): Break {
  return (op, input, next) => (ops.test(op) ? wgrokTestee('broken').run(op, change(input)) : next())
}

const text = (input: Json): string => String(input['text'])
const list = (input: Json, field: string): readonly string[] => (input[field] ?? []) as readonly string[]

function everywhere(value: unknown, change: (text: string) => string): unknown {
  if (typeof value === 'string') return change(value)
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map(item => everywhere(item, change))
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, everywhere(item, change)]))
}

function control(name: string, trips: readonly string[], run: (control: Control) => Promise<unknown>): Mutant {
  return {
    name,
    trips,
    crude: true,
    testee: () => ({ ...wgrokTestee('broken'), control: async request => ({ ok: (await run(request)) ?? null }) }),
  }
}

/** Every mutant. */
export const MUTANTS: readonly Mutant[] = [
  mutant(
    'trims',
    ['codec#decode-plain', 'codec#decode-z-unicode'],
    changes(/^frame\.parse|^receiver|^codec\.decode/, ok => everywhere(ok, one => one.trim())),
  ),
  mutant(
    'ascii',
    ['codec#open-unicode', 'codec#open-controls'],
    changes(/./, ok => everywhere(ok, one => one.replace(/[^\0-\x7f]/g, '?'))),
  ),
  mutant(
    'lower-case',
    ['platform_dispatch#email-case', 'platform_dispatch#webex-room'],
    changes(/^address|^frame|^slug/, ok => everywhere(ok, one => one.toLowerCase())),
  ),
  mutant(
    'crlf',
    ['codec#open-controls', 'codec#seal-roundtrip'],
    changes(/./, ok => everywhere(ok, one => one.replace(/\r\n?/g, '\n'))),
  ),
  mutant(
    'nul-ends-text',
    ['codec#open-controls', 'codec#open-gcm-14'],
    changes(/./, ok => everywhere(ok, one => one.split('\0')[0] ?? '')),
  ),
  mutant(
    'splits-at-every-colon',
    ['protocol#echo-colons', 'protocol#echo-leading-colon'],
    changes(/^frame\.parse/, (ok: Json) => ({ ...ok, payload: String(ok['payload']).split(':')[0] })),
  ),
  mutant(
    'takes-any-flags',
    ['protocol#flags-bad-empty', 'protocol#flags-bad-order'],
    forgives(/^flags\.parse/, /flags/, () => ({ compressed: false, encrypted: false })),
  ),
  mutant(
    'takes-any-slug',
    ['protocol#echo-empty-to', 'protocol#echo-empty-from'],
    forgives(/^slug\.check|^frame\.parse/, /slug/, () => true),
  ),
  mutant(
    'measures-characters',
    ['protocol#measure-webex', 'protocol#measure-irc'],
    answers(/^frame\.measure/, input => text(input).length),
  ),
  mutant('chunks-by-utf16', ['codec#chunk-bytes-2', 'codec#chunk-bytes-3'], (op, input, next) => {
    const { size } = (input['limit'] ?? { size: 0 }) as { size: number }
    if (op !== 'codec.chunk' || size === 0) return next()
    const whole = text(input)
    return {
      ok: Array.from({ length: Math.max(1, Math.ceil(whole.length / size)) }, (_, n) =>
        whole.slice(n * size, (n + 1) * size),
      ),
    }
  }),
  mutant(
    'passes-through',
    ['codec#decode-bad-z-text', 'codec#decode-bad-z-empty'],
    forgives(/^codec\.decode/, /./, input => input['payload']),
  ),
  mutant(
    'ignores-tag',
    ['codec#open-bad-iv-bit', 'codec#open-bad-text-bit'],
    forgives(/^codec\.open/, /decrypt/, () => ''),
  ),
  mutant(
    'loose-base64',
    ['codec#open-bad-no-base64', 'codec#open-bad-url-safe'],
    asks(/^codec\.(open|decode)/, input => ({
      ...input,
      text: loose(input['text']),
      payload: loose(input['payload']),
    })),
  ),
  mutant(
    'first-key-only',
    ['codec#open-second-key', 'codec#decode-e-rotated'],
    asks(/^codec|^receiver|^sender/, input => ({ ...input, keys: list(input, 'keys').slice(0, 1) })),
  ),
  mutant(
    'no-bomb-limit',
    ['codec#decode-bad-z-bomb', 'codec#decode-bad-z-one-over'],
    asks(/^codec\.decode/, ({ maxBytes: _, ...input }) => input),
  ),
  mutant('one-train', ['codec#join-flags', 'codec#join-total'], answers(/^codec\.reassemble/, oneTrain)),
  mutant(
    'keeps-mention',
    ['protocol#mention-name', 'protocol#mention-name-spaces'],
    answers(/^frame\.stripMention/, text),
  ),
  mutant(
    'strips-anywhere',
    ['protocol#mention-name-inside', 'protocol#mention-name-slug'],
    changes(/^frame\.stripMention/, (ok: string, input) =>
      list(input, 'names').reduce((all, name) => all.replaceAll(name, ''), ok),
    ),
  ),
  mutant(
    'pause-by-prefix',
    ['protocol#pause-other', 'protocol#pause-upper'],
    answers(/^control\./, input => /^\s*\.\/(pause|resume)/i.test(text(input))),
  ),
  mutant('allows-suffix', ['allowlist#case', 'allowlist#case-exact'], (op, input, next) =>
    op === 'allowlist.allows'
      ? {
          ok: list(input, 'principals').some(one =>
            list(input, 'patterns').some(pattern => one.endsWith(pattern.replace('*', ''))),
          ),
        }
      : next(),
  ),
  mutant(
    'allows-all',
    ['allowlist#domain-miss', 'allowlist#wildcard-miss'],
    answers(/^allowlist/, () => true),
  ),
  mutant(
    'allows-none',
    ['allowlist#domain', 'allowlist#wildcard'],
    answers(/^allowlist/, () => false),
  ),
  mutant(
    'config-without-defaults',
    ['config#sender-minimal', 'config#sender-full'],
    changes(/^config\./, ({ debug: _, compress: __, ...ok }: Json) => ok),
  ),
  mutant(
    'config-forgives',
    ['config#sender-bad-no-token', 'config#sender-bad-no-slug'],
    forgives(/^config\./, /./, () => ({})),
  ),
  mutant(
    'signature-forgives',
    ['discord#verify-old', 'discord#verify-future'],
    answers(/\.verify$/, () => true),
  ),
  mutant(
    'answers-into-room',
    ['router_bot#mode-c', 'router_bot#mode-c-across'],
    changes(/^router/, (ok: Json) => ({
      ...ok,
      sent: (ok['sent'] as Json[]).map(one => ({ ...one, to: 'webex:room:room-1' })),
    })),
  ),
  mutant(
    'router-forgets-pause',
    ['router_bot#pause', 'router_bot#pause-others'],
    changes(/^router/, (ok: Json) => ({ ...ok, held: [] })),
  ),
  mutant(
    'delivers-twice',
    ['receiver#plain', 'receiver#colons'],
    changes(/^receiver/, (ok: Json) => ({
      ...ok,
      delivered: [...(ok['delivered'] as Json[]), ...(ok['delivered'] as Json[])],
    })),
  ),
  mutant(
    'never-rejects',
    ['receiver#chunks-too-many', 'receiver#chunks-configured'],
    changes(/^receiver/, (ok: Json) => ({ ...ok, rejected: [] })),
  ),
  mutant(
    'sends-plain',
    ['sender#encrypted', 'sender#compressed-and-encrypted'],
    asks(/^sender/, input => ({ ...input, config: { ...(input['config'] as Json), encryptKeys: [] } })),
  ),
  mutant(
    'everything-on-webex',
    ['platform_dispatch#slack-channel', 'platform_dispatch#slack-group'],
    changes(/^address\.(parse|route)/, (ok: Json | null) => ok && { ...ok, platform: 'webex' }),
  ),
  mutant(
    'retries-at-once',
    ['discord#send-429-body', 'discord#send-429-header'],
    changes(/\.send$/, (ok: Json) => ('waits' in ok ? { ...ok, waits: (ok['waits'] as number[]).map(() => 0) } : ok)),
  ),
  mutant(
    'refuses-everything',
    ['allowlist#domain', 'allowlist#domain-miss'],
    () => ({ error: { code: 'internal', text: 'no' } }),
    { crude: true },
  ),
  mutant(
    'accepts-everything',
    ['allowlist#bad-question', 'allowlist#bad-brackets'],
    async (_op, _input, next) => {
      const answer = await next()
      return 'error' in answer ? { ok: null } : answer
    },
    { crude: true },
  ),
  control('open-door', ['bridge#server-register', 'bridge#server-register-full'], openDoor),
  control('junk-client', ['bridge#server-register', 'bridge#server-register-full'], junkClient),
]

function loose(value: unknown): unknown {
  return typeof value === 'string' ? Buffer.from(value, 'base64').toString('base64') : value
}

/** Joins whatever comes, as one published implementation does. */
function oneTrain(input: Json): unknown {
  const joined: string[] = []
  let parts: string[] = []
  for (const step of (input['steps'] ?? []) as Json[]) {
    const [, index, total] = /(\d+)\/(\d+)$/.exec(String(step['flags'])) ?? []
    if (total === undefined) continue
    parts[Number(index) - 1] = String(step['payload'])
    if (Object.keys(parts).length < Number(total)) continue
    joined.push(parts.join(''))
    parts = []
  }
  return { joined, dropped: 0, waiting: parts.length > 0 ? 1 : 0 }
}
