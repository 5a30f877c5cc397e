import { describe, expect, it } from 'vitest'
import { PLATFORMS } from '../../generated/models.js'
import { cardsFor } from '../../src/transport/cards.js'

const ADAPTIVE = { type: 'AdaptiveCard', version: '1.3', body: [] }
const BLOCK = { type: 'section', text: { type: 'plain_text', text: 'x' } }
const BLOCKS = { blocks: [BLOCK] }
const EMBED = { title: 'x' }
const RICH = { type: 'rich', title: 'x' }

describe('a card', () => {
  it('is shown where its form is known, and left out elsewhere', () => {
    const all = [ADAPTIVE, BLOCK, BLOCKS, EMBED, RICH]
    expect(Object.fromEntries(PLATFORMS.map(platform => [platform, cardsFor(platform, all)]))).toEqual({
      webex: [ADAPTIVE],
      slack: [BLOCK, BLOCKS],
      discord: [EMBED, RICH],
      irc: [],
      bridge: all,
    })
  })

  it('with a type that is no text is left out where types count', () => {
    const odd = { type: { toString: 1 } }
    expect(PLATFORMS.map(platform => cardsFor(platform, [odd]).length)).toEqual([0, 0, 0, 0, 1])
  })
})
