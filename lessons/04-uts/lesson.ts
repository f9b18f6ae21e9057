import type { Lesson } from '#given/lesson.ts'

export const lesson: Lesson = {
  name: 'uts',
  title: 'A name of its own',
  minutes: [15],
  needs: [],
  tasks: [
    {
      id: '04.1',
      title: 'set the host name',
      hints: [
        'One system call does it, and it is imported already.',
        'sethostname(2), with the name from the spec. Do it in `inside`: that runs in the container.',
        'sethostname(hostname)',
      ],
    },
    {
      id: '04.2',
      title: 'a UTS namespace, so that the host keeps its name',
      hints: [
        'Whose name did you change? Where was the process when it called?',
        'clone(2) makes the namespace if the flag is set: `flags` of the mechanism goes there.',
        'flags: CLONE_NEWUTS,',
      ],
    },
    {
      id: '04.3',
      title: 'the NIS domain name',
      hints: [
        'The given code has no setdomainname. You have bind().',
        'Copy the prototype from setdomainname(2) into bind(). Its length is in bytes, and a name may have an é.',
        "const setdomainname = bind('int setdomainname(const char *name, size_t len)')\nsetdomainname(domainname, Buffer.byteLength(domainname))",
      ],
    },
  ],
  tour: {
    says: 'A UTS namespace holds two names, host and domain. clone(2) copies them, and\nfrom then on each side changes its own.',
    looks: [{ label: 'hostname', command: 'hostname' }],
    but: 'Still shared: memory that processes find by a number, not by a file.',
  },
}
