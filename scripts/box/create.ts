import './run.ts' // which looks at the verb
