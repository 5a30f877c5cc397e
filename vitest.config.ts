import { defineConfig, type ViteUserConfig } from 'vitest/config'

const common = { testTimeout: 20_000, hookTimeout: 60_000 }

const config: ViteUserConfig = defineConfig({
  test: {
    projects: [
      {
        test: { ...common, name: 'main', include: ['tests/**/*.test.ts'], exclude: ['tests/{cli,package}/**'] },
      },
      {
        // These run the built command; after the rest, because each of them takes a core for itself.
        test: { ...common, name: 'cli', include: ['tests/cli/**/*.test.ts'], sequence: { groupOrder: 1 } },
      },
      {
        // These take times: last and alone.
        test: { ...common, name: 'package', include: ['tests/package/**/*.test.ts'], sequence: { groupOrder: 2 } },
      },
    ],
  },
})

export default config
