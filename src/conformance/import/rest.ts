import { type Json, list, type PeerCase, part } from './read.js'

/** Their `slack_cases.json`. */
export function readSlack(file: Json): PeerCase[] {
  return readRest(file, {
    platform: 'slack',
    target: 'C0123456',
    answer: { ok: true, channel: 'C0123456', ts: '1234.5678' },
    cards: { field: 'blocks', sent: (card: unknown) => [card] },
  })
}

/** Their `webex_cases.json`. */
export function readWebex(file: Json): PeerCase[] {
  const { expected_attachment_content_type: contentType } = part(file, 'send_card')
  const cards = list(file, 'extract_cards').map(({ name, message, expected }) => ({
    about: `cards: ${String(name).replaceAll('_', ' ')}`,
    op: 'webex.cards',
    requires: ['webex'],
    input: { message },
    expect: { ok: expected },
  }))
  const rest = readRest(file, {
    platform: 'webex',
    target: 'peer@example.com',
    answer: {
      id: 'msg-1',
      roomId: 'room-1',
      roomType: 'direct',
      text: TEXT,
      personId: 'person-1',
      personEmail: 'bot@webex.bot',
      created: '2026-01-01T00:00:00.000Z',
    },
    cards: { field: 'attachments', sent: (card: unknown) => [{ contentType, content: card }] },
  })
  return [...cards, ...rest]
}

interface Platform {
  readonly platform: string
  readonly target: string
  /** What the platform says to a message. Their answers have less than that: only what they look at. */
  readonly answer: Json
  readonly cards: { readonly field: string; sent(card: unknown): unknown }
}

const TEXT = 'worker:relay:-:hello'
const CARD = { type: 'AdaptiveCard', version: '1.3', body: [] }
const BLOCK = { type: 'section', text: { type: 'plain_text', text: 'hello' } }

function readRest(file: Json, platform: Platform): PeerCase[] {
  return [...sends(file, platform), ...list(part(file, 'retry_after'), 'cases').map(item => retry(item, platform))]
}

function sends(file: Json, { platform, target, answer, cards }: Platform): PeerCase[] {
  const {
    expected_payload_fields: fields,
    expected_url: url,
    expected_auth_header_prefix: scheme,
  } = part(file, 'send_message')
  const known: Json = { channel: target, toPersonEmail: target, text: TEXT }
  const names = Array.isArray(fields) ? fields.map(String) : []
  const path = typeof url === 'string' ? { path: new URL(url).pathname } : {}
  const request = (body: Json): Json => ({ ...path, scheme: String(scheme).trim(), body })
  const about = { op: 'rest.send', requires: [platform] }
  const card = platform === 'slack' ? BLOCK : CARD
  return [
    {
      ...about,
      about: 'a message is posted with token and fields',
      input: { platform, target, text: TEXT, answers: [{ status: 200, body: answer }] },
      expect: {
        ok: { requests: [request(Object.fromEntries(names.map(name => [name, known[name]])))] },
        match: 'subset',
      },
    },
    {
      ...about,
      about: 'a card is posted the way the platform has cards',
      input: { platform, target, text: TEXT, cards: [card], answers: [{ status: 200, body: answer }] },
      expect: { ok: { requests: [request({ [cards.field]: cards.sent(card) })] }, match: 'subset' },
    },
  ]
}

/** Their waits are in seconds, ours in ms. What their cases leave open is left out of what is compared. */
function retry(item: Json, { platform, target, answer }: Platform): PeerCase {
  const answers = list(item, 'responses').map(({ status, retry_after: retryAfter, body }) => ({
    status,
    ...(retryAfter === null || retryAfter === undefined ? {} : { retryAfter }),
    body: status === 200 ? { ...answer, ...(body as Json) } : {},
  }))
  const { expected_attempts: attempts, expected_sleep_seconds: seconds, expected_result: response } = item
  const failure = item['expected_error_contains'] !== undefined
  // Where the platform does not say for how long, the choice is the implementation's; that it tries again is not.
  const told = answers.every(each => each.status !== 429 || 'retryAfter' in each)
  const ok = {
    attempts: attempts ?? answers.length,
    ...(told && Array.isArray(seconds) ? { waits: seconds.map(each => Number(each) * 1000) } : {}),
    ...(response === undefined ? {} : { response }),
    ...(failure ? { error: 'rate-limited' } : {}),
  }
  return {
    about: `429: ${String(item['name']).replaceAll('_', ' ')}`,
    op: 'rest.send',
    requires: [platform],
    input: { platform, target, text: TEXT, answers },
    expect: { ok, match: 'subset' },
  }
}
