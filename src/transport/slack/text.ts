const ESCAPES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;' }
const CHARACTERS: Readonly<Record<string, string>> = { '&amp;': '&', '&lt;': '<', '&gt;': '>' }

const ENTITY = /&(?:amp|lt|gt);/g
/** A reference in angle brackets, or an entity. Brackets that are meant literally arrive as entities. */
const MARKUP = /<([^<>]*)>|&(?:amp|lt|gt);/g

/** Escapes the three characters that Slack gives a meaning to, and no others. */
export function escapeText(text: string): string {
  return text.replace(/[&<>]/g, char => ESCAPES[char] ?? char)
}

/**
 * The text as it was typed: references in angle brackets resolved, then the three entities undone, each once.
 *
 * Links become what stood in the message, channels `#name`, groups and `@here` their names. A mention of a user stays
 * `<@U…>`: its name is anybody's choice, and the id is what the mention filter knows.
 */
export function unescapeText(text: string): string {
  if (!text.includes('&') && !text.includes('<')) return text
  return text.replace(MARKUP, (found, inner: string | undefined) =>
    inner === undefined ? (CHARACTERS[found] ?? found) : resolveReference(found, inner),
  )
}

function resolveReference(found: string, inner: string): string {
  const bar = inner.indexOf('|')
  const target = bar < 0 ? inner : inner.slice(0, bar)
  const label = bar < 0 ? '' : unescapeEntities(inner.slice(bar + 1))
  switch (target[0]) {
    case '@':
      return found
    case '#':
      return `#${label === '' ? target.slice(1) : label}`
    case '!':
      return label === '' ? `@${target.slice(1)}` : label
    default:
      if (!/^[a-z][a-z0-9+.-]*:/i.test(target)) return unescapeEntities(found)
      return label === '' ? unescapeEntities(target.replace(/^mailto:/, '')) : label
  }
}

function unescapeEntities(text: string): string {
  return text.replace(ENTITY, entity => CHARACTERS[entity] ?? entity)
}
