import type { BridgeButton, BridgeData, BridgeEnvelope, BridgeImage, Card } from '../../generated/models.js'
import { type Capability, isCapability } from '../../generated/models.js'

/** What an envelope needs, or an adapter lacks: one bit per capability. */
export type CapabilityBits = number

const BIT: Readonly<Record<Capability, CapabilityBits>> = {
  text: 0,
  image: 1,
  card: 2,
  buttons: 4,
  typing: 8,
  edit: 16,
  delete: 32,
  react: 64,
  thread: 128,
}

/** The capabilities that an adapter declared, without the names that the protocol does not know. */
export function readCapabilities(names: readonly string[] = []): ReadonlySet<Capability> {
  return new Set(names.filter(isCapability))
}

/** The bits of a set of capabilities. Text is always there. */
export function bitsOf(capabilities: Iterable<Capability>): CapabilityBits {
  let bits = 0
  for (const capability of capabilities) bits |= BIT[capability]
  return bits
}

/** What an adapter must have declared to be shown the envelope as it is. */
export function needs(envelope: BridgeEnvelope): CapabilityBits {
  if (envelope.type === 'register' || envelope.type === 'error') return 0
  let bits = envelope.metadata?.thread_id === undefined ? 0 : BIT.thread
  if (envelope.type === 'event') return bits | eventBit(envelope.event)
  const { cards, images, buttons } = envelope.data ?? {}
  if (cards !== undefined) bits |= BIT.card
  if (images !== undefined) bits |= BIT.image
  if (buttons !== undefined) bits |= BIT.buttons
  return bits
}

/**
 * The envelope for an adapter that lacks something it needs; undefined when nothing is left to show.
 *
 * Cards, images and buttons become lines of text, except in `verbatim` content, which a program reads: there they are
 * left out. Events are withheld. The thread is left out.
 */
export function degrade(
  envelope: BridgeEnvelope,
  lacking: CapabilityBits,
  verbatim: boolean,
): BridgeEnvelope | undefined {
  if (envelope.type === 'register' || envelope.type === 'error') return envelope
  const threadless = lacking & BIT.thread ? withoutThread(envelope) : envelope
  if (threadless.type === 'event') return lacking & eventBit(threadless.event) ? undefined : threadless
  const { data, ...rest } = threadless
  if (data === undefined) return threadless
  const { kept, lines } = split(data, lacking)
  const said = threadless.content ?? ''
  const missing = verbatim ? [] : lines.filter(line => !said.includes(line))
  const content = [...(said === '' ? [] : [said]), ...missing].join('\n')
  return {
    ...rest,
    ...(content === '' ? {} : { content }),
    ...(Object.keys(kept).length === 0 ? {} : { data: kept }),
  }
}

function eventBit(name: string): CapabilityBits {
  switch (name) {
    case 'typing':
    case 'edit':
    case 'delete':
    case 'react':
      return BIT[name]
    default:
      return 0
  }
}

function withoutThread<E extends Exclude<BridgeEnvelope, { type: 'register' | 'error' }>>(envelope: E): E {
  const { thread_id: _, ...metadata } = envelope.metadata ?? {}
  return { ...envelope, metadata }
}

function split(data: BridgeData, lacking: CapabilityBits): { readonly kept: BridgeData; readonly lines: string[] } {
  const { cards, images, buttons, ...rest } = data
  const lines: string[] = []
  const kept: { -readonly [K in keyof BridgeData]: BridgeData[K] } = rest
  if (cards !== undefined) {
    if (lacking & BIT.card) lines.push(...cards.flatMap(linesOfCard))
    else kept.cards = cards
  }
  if (images !== undefined) {
    if (lacking & BIT.image) lines.push(...images.map(lineOfImage))
    else kept.images = images
  }
  if (buttons !== undefined) {
    if (lacking & BIT.buttons) lines.push(...buttons.map(lineOfButton))
    else kept.buttons = buttons
  }
  return { kept, lines }
}

function lineOfImage({ url, alt }: BridgeImage): string {
  return alt === undefined || alt === '' ? `[image] ${url}` : `[image: ${alt}] ${url}`
}

function lineOfButton({ text, value, url }: BridgeButton): string {
  return [`[${text}]`, value === text ? undefined : value, url].filter(part => part !== undefined).join(' ')
}

/** Fields that hold what a reader of the card sees, in Adaptive Cards, Slack blocks and Discord embeds. */
const SHOWN: ReadonlySet<string> = new Set([
  ...[
    'text',
    'title',
    'description',
    'name',
    'value',
    'label',
    'fallbackText',
    'altText',
    'alt_text',
    'url',
    'image_url',
  ],
])
const LINKS: ReadonlySet<string> = new Set(['url', 'image_url'])
const CARD_DEPTH_MAX = 32

/** What a card says, line by line; a fact or field is one line. */
function linesOfCard(card: Card): readonly string[] {
  const lines: string[] = []
  gather(card, lines, 0)
  const distinct = [...new Set(lines)]
  return distinct.length === 0 ? ['[card]'] : distinct
}

function gather(node: unknown, lines: string[], depth: number): void {
  if (typeof node !== 'object' || node === null || depth > CARD_DEPTH_MAX) return
  if (Array.isArray(node)) {
    for (const item of node) gather(item, lines, depth + 1)
    return
  }
  const said = Object.entries(node).filter(
    ([field, value]) => SHOWN.has(field) && typeof value === 'string' && value !== '',
  )
  // A link comes after what it is about.
  said.sort(([a], [b]) => Number(LINKS.has(a)) - Number(LINKS.has(b)))
  if (said.length > 0) lines.push(said.map(([, value]) => String(value).trim()).join(': '))
  for (const value of Object.values(node)) gather(value, lines, depth + 1)
}
