# frozen_string_literal: true

require 'open3'
require 'timeout'

module WorkshopQemu
  # Who executes the guest's instructions: the processor (KVM on Linux, HVF on macOS) or QEMU itself (TCG).
  module Accelerator
    PROBE_SECONDS = 10
    COST = 'QEMU emulates the processor then, and all takes 20 to 100 times as long.'

    module_function

    # The name, and a sentence about it. `boot` has what a short boot takes: binary, machine, kernel, initrd.
    def choose(wish, boot)
      return [wish, "as told (#{wish})"] if wish
      return hvf(boot) if RUBY_PLATFORM.include?('darwin')

      reason = kvm_missing || (kvm_boots?(boot) ? nil : 'it is there, but a kernel does not boot under it')
      reason ? ['tcg', "without KVM: #{reason}. #{COST}"] : ['kvm', 'with KVM, at nearly full speed']
    end

    def hvf(boot)
      accelerators, = Open3.capture2(boot[:binary], '-accel', 'help')
      return ['hvf', 'with HVF, at nearly full speed'] if accelerators.include?('hvf')

      ['tcg', "without HVF, which this QEMU lacks. #{COST}"]
    end

    def kvm_missing
      return 'this is no Linux' unless RUBY_PLATFORM.include?('linux')
      return 'there is no /dev/kvm' unless File.exist?('/dev/kvm')

      'you may not open /dev/kvm (sudo usermod -aG kvm $USER, then log in again)' unless File.writable?('/dev/kvm')
    end

    def stop(thread)
      Process.kill('KILL', thread.pid) if thread.alive?
    rescue Errno::ESRCH
      nil # it has just ended by itself
    end

    # Some machines offer a KVM under which a kernel hangs. The init of our box says a word and powers off.
    def kvm_boots?(boot)
      command = [boot[:binary], '-machine', boot[:machine], '-accel', 'kvm', '-cpu', 'host', '-m', '512', '-no-reboot',
                 '-nodefaults', '-no-user-config', '-display', 'none', '-serial', 'stdio', '-kernel', boot[:kernel],
                 '-initrd', boot[:initrd], '-append', "console=#{boot[:console]} quiet workshop.probe"]
      Open3.popen2e(*command) do |input, output, thread|
        input.close
        Timeout.timeout(PROBE_SECONDS) { output.read.include?('workshop.probe: the kernel boots') }
      rescue Timeout::Error
        false
      ensure
        stop(thread)
      end
    end
  end
end
