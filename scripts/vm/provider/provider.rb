# frozen_string_literal: true

require Vagrant.source_root.join('plugins/synced_folders/rsync/helper')
require_relative 'driver'

module WorkshopQemu
  # What Vagrant asks a provider for: the state, the way in, and a list of steps for each command.
  class Provider < Vagrant.plugin('2', :provider)
    include Vagrant::Action::Builtin
    include MixinSyncedFolders
    attr_reader :driver

    def self.usable?(_raise_error = false) = true # what is missing says so when it is needed

    def self.installed? = true

    def initialize(machine)
      @machine = machine
      @driver = Driver.new(machine)
    end

    def state
      id = @driver.state
      return Vagrant::MachineState.new(Vagrant::MachineState::NOT_CREATED_ID, 'not created', 'vagrant up makes it.') if id == :not_created

      about = { running: "ssh on 127.0.0.1:#{@driver.port}, QEMU is process #{@driver.pid}.",
                saved: '`vagrant resume` goes on where it was.', poweroff: '`vagrant up` boots it.' }
      Vagrant::MachineState.new(id, id.to_s, "QEMU #{id}: #{about[id]}")
    end

    def ssh_info = @driver.running? ? { host: '127.0.0.1', port: @driver.port } : nil
    def action(name) = respond_to?("action_#{name}", true) ? send("action_#{name}") : nil

    private

    # A list of steps. A step is a class to Vagrant; here it is a block.
    def steps(&block) = Vagrant::Action::Builder.new.tap { |list| block.call(list) }

    def doing(say = nil, &block)
      Class.new do
        define_method(:initialize) { |app, _env| @app = app }
        define_method(:call) do |env|
          env[:ui].output(say) if say
          begin
            block.call(env)
          rescue Errno::ENOSPC => error
            raise Error, "#{error.message}\n#{Driver::FULL}"
          end
          @app.call(env)
        end
      end
    end

    # A step around all later ones: where QEMU says why the machine will never answer, they need not go on waiting.
    def watching
      driver = @driver
      Class.new do
        define_method(:initialize) { |app, _env| @app = app }
        define_method(:call) do |env|
          steps = Thread.current
          watch = Thread.new do
            Thread.current.report_on_exception = false
            sleep 2 until (complaint = driver.complaint)
            steps.raise(Error.new("The machine does not answer: #{complaint}"))
          end
          @app.call(env)
        ensure
          watch.kill
        end
      end
    end

    def action_up
      steps do |list|
        list.use ConfigValidate
        list.use Call, IsState, Vagrant::MachineState::NOT_CREATED_ID do |env, made|
          next unless env[:result]

          made.use(doing { require_box })
          made.use HandleBox
          made.use doing('Making its disks…') { @driver.create }
        end
        list.use Call, IsState, :running do |env, boot|
          # Running already: finish what a killed `up` may have left undone, which costs little.
          env[:result] ? ready(boot) : start(boot)
        end
      end
    end
    alias action_start action_up

    def action_resume
      steps do |list|
        list.use Call, IsState, :saved do |env, rest|
          env[:result] ? rest.use(action_up) : rest.use(Message, 'It is not suspended.')
        end
      end
    end

    def start(list)
      list.use(doing do |env|
        resuming = @driver.state == :saved
        env[:ui].output(resuming ? 'Waking it up…' : 'Starting QEMU…')
        @driver.start
        env[:ui].detail("The machine runs #{@driver.sentence}") unless resuming
        env[:workshop_resumed] = resuming
      end)
      ready(list)
    end

    def require_box
      url = Array(@machine.config.vm.box_url).first.to_s
      return if @machine.box || !url.start_with?('file://') || File.exist?(url.delete_prefix('file://'))

      raise Error, "There is no #{url.delete_prefix('file://')} yet.\n" \
                   '`npm run vm -- up` builds the box; WORKSHOP_BOX=file names one that you have.'
    end

    # It answers; then its clock, its folders, its provisioners.
    def ready(list)
      list.use(doing { @machine.id = "workshop-#{@machine.name}" })
      list.use watching
      list.use WaitForCommunicator
      list.use(doing { |env| set_clock if env[:workshop_resumed] })
      list.use Provision
      list.use SyncedFolders
    end

    # A machine that slept thinks that no time has passed.
    def set_clock = @machine.communicate.sudo("date --set=@#{Time.now.to_i}")

    def when_running(&block)
      steps do |list|
        list.use ConfigValidate
        list.use Call, IsState, :running do |env, rest|
          raise Vagrant::Errors::VMNotRunningError unless env[:result]

          block.call(rest)
        end
      end
    end

    def action_halt
      steps do |list|
        list.use Call, IsState, :running do |env, running|
          next unless env[:result]

          running.use Call, GracefulHalt, :poweroff, :running do |halted, rest|
            rest.use(doing('Pulling the plug…') { @driver.stop }) unless halted[:result]
          end
        end
        list.use Call, IsState, :saved do |env, saved|
          saved.use(doing('Dropping its suspended state…') { @driver.forget }) if env[:result]
        end
      end
    end

    def action_suspend
      steps do |list|
        list.use Call, IsState, :running do |env, rest|
          next rest.use(Message, 'It is not running.') unless env[:result]

          rest.use(doing('Putting it to sleep…') { @driver.suspend })
        end
      end
    end

    def action_reload
      steps do |list|
        list.use Call, IsState, Vagrant::MachineState::NOT_CREATED_ID do |env, rest|
          next rest.use(Message, 'It is not created. `vagrant up` makes it.') if env[:result]

          rest.use action_halt
          rest.use action_up
        end
      end
    end

    def action_destroy
      steps do |list|
        list.use Call, IsState, Vagrant::MachineState::NOT_CREATED_ID do |env, rest|
          next rest.use(doing { remove }) if env[:result] # what a killed `up` may have left

          rest.use Call, DestroyConfirm do |confirmed, made|
            next made.use(Message, 'It stays.') unless confirmed[:result]

            made.use ProvisionerCleanup, :before
            made.use(doing('Removing it…') { remove })
            made.use SyncedFolderCleanup
          end
        end
      end
    end

    def remove
      @driver.destroy
      @machine.id = nil
    end

    def action_snapshot_save
      when_running { |list| list.use(doing('Taking a snapshot…') { |env| @driver.save(env[:snapshot_name]) }) }
    end

    def action_snapshot_delete = steps { |list| list.use(doing { |env| @driver.delete(env[:snapshot_name]) }) }

    def action_snapshot_restore
      steps do |list|
        list.use(doing('Going back…') do |env|
          @driver.restore(env[:snapshot_name])
        end)
        list.use watching
        list.use WaitForCommunicator
        list.use(doing { set_clock })
        list.use(doing { rsync })
      end
    end

    # The folders are there already; SyncedFolders would look for what they need, by five commands in the machine.
    def rsync
      folders = synced_folders(@machine)[:rsync] || {}
      folders.each_value { |folder| VagrantPlugins::SyncedFolderRSync::RsyncHelper.rsync_single(@machine, @machine.ssh_info, folder) }
    end

    def action_provision = when_running { |list| list.use Provision }
    def action_sync_folders = when_running { |list| list.use SyncedFolders }
    def action_ssh = when_running { |list| list.use SSHExec }
    def action_ssh_run = when_running { |list| list.use SSHRun }
  end
end
