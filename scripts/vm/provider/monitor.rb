# frozen_string_literal: true

require 'json'
require 'socket'
require 'timeout'

module WorkshopQemu
  # A word with a running QEMU: QMP, its JSON protocol, over a socket that only we may open.
  class Monitor
    def initialize(path) = @path = path

    # Runs a command of QEMU's human monitor (savevm, loadvm, quit) and returns what it prints: nothing when all is well.
    def say(line, seconds: 300)
      execute('human-monitor-command', { 'command-line': line }, seconds).to_s.strip
    end

    # running, paused, io-error …; nil where no QEMU answers.
    def status = (execute('query-status', {}, 10) || {})['status']

    private

    def execute(command, arguments, seconds)
      Timeout.timeout(seconds) do
        UNIXSocket.open(@path) do |socket|
          socket.gets # its greeting
          ask(socket, 'qmp_capabilities', {})
          ask(socket, command, arguments)
        end
      end
    rescue Errno::ECONNREFUSED, Errno::ENOENT, Errno::EPIPE, Errno::ECONNRESET, EOFError
      nil # it has ended
    rescue Timeout::Error
      raise Error, "QEMU did not answer `#{command}` within #{seconds} s. `vagrant halt --force` ends it."
    end

    def ask(socket, command, arguments)
      socket.puts(JSON.generate(execute: command, arguments: arguments))
      while (line = socket.gets)
        answer = JSON.parse(line)
        raise Error, "QEMU refused `#{command}`: #{answer['error']['desc']}" if answer['error']
        return answer['return'] if answer.key?('return')
      end
    end
  end
end
