# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_rcelery_global_optspecs
    string join \n A/app= b/broker= result-backend= config= no-config workdir= set= connect-timeout= j/json format= color= C/no-color q/quiet v/verbose loader= skip-checks detached h/help V/version
end

function __fish_rcelery_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_rcelery_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_rcelery_using_subcommand
    set -l cmd (__fish_rcelery_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c rcelery -n "__fish_rcelery_needs_command" -s A -l app -d 'Python Celery app or configuration file (*.toml) to use' -r
complete -c rcelery -n "__fish_rcelery_needs_command" -s b -l broker -d 'Broker URL' -r
complete -c rcelery -n "__fish_rcelery_needs_command" -l result-backend -d 'Result back end URL' -r
complete -c rcelery -n "__fish_rcelery_needs_command" -l config -d 'Configuration file' -r -F
complete -c rcelery -n "__fish_rcelery_needs_command" -l workdir -d 'Change to this directory first' -r -F
complete -c rcelery -n "__fish_rcelery_needs_command" -l set -d 'Set any setting; repeatable' -r
complete -c rcelery -n "__fish_rcelery_needs_command" -l connect-timeout -d 'Longest time to connect and shake hands, in seconds [default: 4]' -r
complete -c rcelery -n "__fish_rcelery_needs_command" -l format -d 'Form of the answer' -r -f -a "auto\t'Tables on a terminal, else Celery\'s text'
table\t'Tables for people'
classic\t'Celery\'s own text, for scripts that read it'
json\t'One JSON document'"
complete -c rcelery -n "__fish_rcelery_needs_command" -l color -d 'When to use colour' -r -f -a "auto\t'On a terminal, unless the environment says otherwise'
always\t'Into pipes and files as well'
never\t'Not at all'"
complete -c rcelery -n "__fish_rcelery_needs_command" -l loader -d 'Accepted for Celery\'s sake, without effect' -r
complete -c rcelery -n "__fish_rcelery_needs_command" -l no-config -d 'Read no configuration file'
complete -c rcelery -n "__fish_rcelery_needs_command" -s j -l json -d 'Answer with one JSON document'
complete -c rcelery -n "__fish_rcelery_needs_command" -s C -l no-color -d 'No colour, as with a non-empty NO_COLOR'
complete -c rcelery -n "__fish_rcelery_needs_command" -s q -l quiet -d 'Print answers and errors only'
complete -c rcelery -n "__fish_rcelery_needs_command" -s v -l verbose -d 'Say more on stderr; twice for debugging'
complete -c rcelery -n "__fish_rcelery_needs_command" -l skip-checks -d 'Accepted for Celery\'s sake, without effect'
complete -c rcelery -n "__fish_rcelery_needs_command" -l detached -d 'Set in the process that `--detach` starts'
complete -c rcelery -n "__fish_rcelery_needs_command" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c rcelery -n "__fish_rcelery_needs_command" -s V -l version -d 'Print version'
complete -c rcelery -n "__fish_rcelery_needs_command" -f -a "worker" -d 'Run tasks'
complete -c rcelery -n "__fish_rcelery_needs_command" -f -a "send" -d 'Send a task'
complete -c rcelery -n "__fish_rcelery_needs_command" -f -a "call" -d 'Send a task'
complete -c rcelery -n "__fish_rcelery_needs_command" -f -a "result" -d 'Show the result of a task'
complete -c rcelery -n "__fish_rcelery_needs_command" -f -a "status" -d 'Show which workers are online'
complete -c rcelery -n "__fish_rcelery_needs_command" -f -a "inspect" -d 'Ask workers what they are doing'
complete -c rcelery -n "__fish_rcelery_needs_command" -f -a "control" -d 'Tell workers what to do'
complete -c rcelery -n "__fish_rcelery_needs_command" -f -a "purge" -d 'Erase all messages from all known task queues'
complete -c rcelery -n "__fish_rcelery_needs_command" -f -a "config" -d 'Show, check or import the configuration'
complete -c rcelery -n "__fish_rcelery_needs_command" -f -a "completions" -d 'Print a completion script for a shell'
complete -c rcelery -n "__fish_rcelery_needs_command" -f -a "man" -d 'Write the man pages'
complete -c rcelery -n "__fish_rcelery_needs_command" -f -a "help" -d 'Explain a command, the exit codes or the configuration'
complete -c rcelery -n "__fish_rcelery_using_subcommand worker" -s n -l hostname -d 'Name of the node; %h host name, %n its first part, %d its domain (celery@%h unless given)' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand worker" -s l -l loglevel -d 'Logging level' -r -f -a "DEBUG\t'Everything'
INFO\t'The life of tasks and of the worker'
WARNING\t'What was coped with'
ERROR\t'What someone must act on'
CRITICAL\t'Only what ends the worker'"
complete -c rcelery -n "__fish_rcelery_using_subcommand worker" -l log-format -d 'Form of the log: text as Celery writes it, or one JSON object per line' -r -f -a "text\t'Celery\'s record format'
json\t'One JSON object per line'"
complete -c rcelery -n "__fish_rcelery_using_subcommand worker" -l max-tasks -d 'Exit after so many runs of tasks; never starts one more' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand worker" -s S -l statedb -d 'File that keeps revoked ids over restarts' -r -F
complete -c rcelery -n "__fish_rcelery_using_subcommand worker" -s O -l optimization -d 'Accepted for Celery\'s sake: the order is always fair' -r -f -a "default\t''
fair\t''"
complete -c rcelery -n "__fish_rcelery_using_subcommand worker" -l prefetch-multiplier -d 'Deliveries to hold per slot; 0 means no limit' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand worker" -s c -l concurrency -d 'How many tasks run at a time; `auto` or 0 means as many as there are CPUs' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand worker" -s P -l pool -d 'Kind of pool: of a Python app prefork (the default), threads or solo' -r -f -a "threads\t''
solo\t''
prefork\t''
eventlet\t''
gevent\t''
processes\t''
custom\t''"
complete -c rcelery -n "__fish_rcelery_using_subcommand worker" -l autoscale -d 'Most and least slots, as the load demands' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand worker" -l time-limit -d 'Hard time limit of tasks: seconds, or 30s, 5m' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand worker" -l soft-time-limit -d 'Soft time limit of tasks: seconds, or 30s, 5m' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand worker" -l drain-timeout -d 'How long a cold shutdown lets running tasks finish [default: 0]' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand worker" -l max-tasks-per-child -d 'Replace a process of a Python app after so many tasks' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand worker" -l max-memory-per-child -d 'Replace a process of a Python app when it has used so much memory' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand worker" -l pool-start-method -d 'Accepted for Celery\'s sake, without effect: processes are forked' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand worker" -s Q -l queues -d 'Comma separated list of queues to consume from [default: all known]' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand worker" -s X -l exclude-queues -d 'Comma separated list of queues not to consume from' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand worker" -s I -l include -d 'Comma separated list of further Python modules to import' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand worker" -l heartbeat-interval -d 'Time between heartbeat events [default: 2]' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand worker" -s s -l schedule -d 'File of the embedded beat; without effect as long as there is none' -r -F
complete -c rcelery -n "__fish_rcelery_using_subcommand worker" -l scheduler -d 'Scheduler of the embedded beat; without effect as long as there is none' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand worker" -l ready-file -d 'File that exists while the worker takes tasks; %n, %h and %d as in -f' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand worker" -l http -d 'Serve /healthz, /readyz and /metrics over HTTP; a port alone means on 127.0.0.1' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand worker" -s f -l logfile -d 'File to log to; %n node name, %h host name, %d domain' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand worker" -l pidfile -d 'File for the process id; exit code 73 if it belongs to a living process' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand worker" -l uid -d 'User to run as' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand worker" -l gid -d 'Group to run as' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand worker" -l umask -d 'Mask of permissions of new files, octal' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand worker" -l executable -d 'Python interpreter of the app [default: of $VIRTUAL_ENV, else python3]' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand worker" -s A -l app -d 'Python Celery app or configuration file (*.toml) to use' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand worker" -s b -l broker -d 'Broker URL' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand worker" -l result-backend -d 'Result back end URL' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand worker" -l config -d 'Configuration file' -r -F
complete -c rcelery -n "__fish_rcelery_using_subcommand worker" -l workdir -d 'Change to this directory first' -r -F
complete -c rcelery -n "__fish_rcelery_using_subcommand worker" -l set -d 'Set any setting; repeatable' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand worker" -l connect-timeout -d 'Longest time to connect and shake hands, in seconds [default: 4]' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand worker" -l format -d 'Form of the answer' -r -f -a "auto\t'Tables on a terminal, else Celery\'s text'
table\t'Tables for people'
classic\t'Celery\'s own text, for scripts that read it'
json\t'One JSON document'"
complete -c rcelery -n "__fish_rcelery_using_subcommand worker" -l color -d 'When to use colour' -r -f -a "auto\t'On a terminal, unless the environment says otherwise'
always\t'Into pipes and files as well'
never\t'Not at all'"
complete -c rcelery -n "__fish_rcelery_using_subcommand worker" -l loader -d 'Accepted for Celery\'s sake, without effect' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand worker" -l burst -d 'Exit once the queues are empty and nothing runs'
complete -c rcelery -n "__fish_rcelery_using_subcommand worker" -s E -l task-events -l events -d 'Send task events, for monitors'
complete -c rcelery -n "__fish_rcelery_using_subcommand worker" -l disable-prefetch -d 'Take a message only for a free slot'
complete -c rcelery -n "__fish_rcelery_using_subcommand worker" -l purge -l discard -d 'Erase all waiting messages first, without asking'
complete -c rcelery -n "__fish_rcelery_using_subcommand worker" -l without-gossip -d 'Don\'t listen to other workers'
complete -c rcelery -n "__fish_rcelery_using_subcommand worker" -l without-mingle -d 'Don\'t ask other workers for revoked tasks at start'
complete -c rcelery -n "__fish_rcelery_using_subcommand worker" -l without-heartbeat -d 'Send no heartbeat events'
complete -c rcelery -n "__fish_rcelery_using_subcommand worker" -s B -l beat -d 'Not here yet: run `celery beat` beside the worker'
complete -c rcelery -n "__fish_rcelery_using_subcommand worker" -s D -l detach -d 'Run in the background; returns once the worker is ready, or says why it is not'
complete -c rcelery -n "__fish_rcelery_using_subcommand worker" -l no-config -d 'Read no configuration file'
complete -c rcelery -n "__fish_rcelery_using_subcommand worker" -s j -l json -d 'Answer with one JSON document'
complete -c rcelery -n "__fish_rcelery_using_subcommand worker" -s C -l no-color -d 'No colour, as with a non-empty NO_COLOR'
complete -c rcelery -n "__fish_rcelery_using_subcommand worker" -s q -l quiet -d 'Print answers and errors only'
complete -c rcelery -n "__fish_rcelery_using_subcommand worker" -s v -l verbose -d 'Say more on stderr; twice for debugging'
complete -c rcelery -n "__fish_rcelery_using_subcommand worker" -l skip-checks -d 'Accepted for Celery\'s sake, without effect'
complete -c rcelery -n "__fish_rcelery_using_subcommand worker" -l detached -d 'Set in the process that `--detach` starts'
complete -c rcelery -n "__fish_rcelery_using_subcommand worker" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c rcelery -n "__fish_rcelery_using_subcommand send" -l jsonl -d 'Send many tasks: one JSON object a line, from FILE or `-` for stdin' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand send" -s a -l args -d 'Positional arguments, a JSON array; `-` reads stdin, `@FILE` a file' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand send" -s k -l kwargs -d 'Keyword arguments, a JSON object; `-` reads stdin, `@FILE` a file' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand send" -l kwarg -d 'One keyword argument; VALUE is JSON if it reads as JSON, else text; repeatable' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand send" -l eta -d 'Earliest time to run: ISO 8601, or an offset such as +5m' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand send" -l countdown -d 'Time to wait before it runs: seconds, or 30s, 5m, 1h30m' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand send" -l expires -d 'Don\'t run it after this: ISO 8601, seconds, or 30s, 5m' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand send" -l task-id -d 'Id of the task [default: a fresh UUID]' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand send" -l time-limit -d 'Hard time limit: seconds, or 30s, 5m' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand send" -l soft-time-limit -d 'Soft time limit: seconds, or 30s, 5m' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand send" -l header -d 'A header of the message; repeatable' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand send" -l serializer -d 'Content type of the arguments' -r -f -a "json\t''
msgpack\t''
yaml\t''"
complete -c rcelery -n "__fish_rcelery_using_subcommand send" -l compression -d 'Compression of the arguments' -r -f -a "gzip\t''
zlib\t''
bzip2\t''
zstd\t''"
complete -c rcelery -n "__fish_rcelery_using_subcommand send" -l queue -d 'Queue to send it to' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand send" -l exchange -d 'Exchange to send it to' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand send" -l routing-key -d 'Routing key to send it with' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand send" -l priority -d 'Priority, 0 to 9; which end is urgent depends on the broker' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand send" -s w -l wait -d 'Wait for the result, at most SECS, and print it' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand send" -l progress -d 'Wait for the result, and show how far it is' -r -f -a "auto\t'Bars on a terminal, else plain lines'
bar\t'Bars; plain lines where stderr is no terminal that can draw them'
plain\t'Lines: one per change of state or tenth of the way; of many tasks their ends and a total'
json\t'One JSON object per change'
none\t'Nothing'"
complete -c rcelery -n "__fish_rcelery_using_subcommand send" -s A -l app -d 'Python Celery app or configuration file (*.toml) to use' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand send" -s b -l broker -d 'Broker URL' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand send" -l result-backend -d 'Result back end URL' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand send" -l config -d 'Configuration file' -r -F
complete -c rcelery -n "__fish_rcelery_using_subcommand send" -l workdir -d 'Change to this directory first' -r -F
complete -c rcelery -n "__fish_rcelery_using_subcommand send" -l set -d 'Set any setting; repeatable' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand send" -l connect-timeout -d 'Longest time to connect and shake hands, in seconds [default: 4]' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand send" -l format -d 'Form of the answer' -r -f -a "auto\t'Tables on a terminal, else Celery\'s text'
table\t'Tables for people'
classic\t'Celery\'s own text, for scripts that read it'
json\t'One JSON document'"
complete -c rcelery -n "__fish_rcelery_using_subcommand send" -l color -d 'When to use colour' -r -f -a "auto\t'On a terminal, unless the environment says otherwise'
always\t'Into pipes and files as well'
never\t'Not at all'"
complete -c rcelery -n "__fish_rcelery_using_subcommand send" -l loader -d 'Accepted for Celery\'s sake, without effect' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand send" -l ignore-result -d 'Store no result'
complete -c rcelery -n "__fish_rcelery_using_subcommand send" -l cancel-on-interrupt -d 'Revoke what is not done when the wait is interrupted, running tasks too'
complete -c rcelery -n "__fish_rcelery_using_subcommand send" -l check -d 'Ask the workers first, and send nothing if none of them registers the task'
complete -c rcelery -n "__fish_rcelery_using_subcommand send" -l retry -d 'Try again while the broker can\'t be reached, as `task_publish_retry_policy` says'
complete -c rcelery -n "__fish_rcelery_using_subcommand send" -l dry-run -d 'Print the message instead of sending it'
complete -c rcelery -n "__fish_rcelery_using_subcommand send" -l no-config -d 'Read no configuration file'
complete -c rcelery -n "__fish_rcelery_using_subcommand send" -s j -l json -d 'Answer with one JSON document'
complete -c rcelery -n "__fish_rcelery_using_subcommand send" -s C -l no-color -d 'No colour, as with a non-empty NO_COLOR'
complete -c rcelery -n "__fish_rcelery_using_subcommand send" -s q -l quiet -d 'Print answers and errors only'
complete -c rcelery -n "__fish_rcelery_using_subcommand send" -s v -l verbose -d 'Say more on stderr; twice for debugging'
complete -c rcelery -n "__fish_rcelery_using_subcommand send" -l skip-checks -d 'Accepted for Celery\'s sake, without effect'
complete -c rcelery -n "__fish_rcelery_using_subcommand send" -l detached -d 'Set in the process that `--detach` starts'
complete -c rcelery -n "__fish_rcelery_using_subcommand send" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c rcelery -n "__fish_rcelery_using_subcommand call" -l jsonl -d 'Send many tasks: one JSON object a line, from FILE or `-` for stdin' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand call" -s a -l args -d 'Positional arguments, a JSON array; `-` reads stdin, `@FILE` a file' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand call" -s k -l kwargs -d 'Keyword arguments, a JSON object; `-` reads stdin, `@FILE` a file' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand call" -l kwarg -d 'One keyword argument; VALUE is JSON if it reads as JSON, else text; repeatable' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand call" -l eta -d 'Earliest time to run: ISO 8601, or an offset such as +5m' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand call" -l countdown -d 'Time to wait before it runs: seconds, or 30s, 5m, 1h30m' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand call" -l expires -d 'Don\'t run it after this: ISO 8601, seconds, or 30s, 5m' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand call" -l task-id -d 'Id of the task [default: a fresh UUID]' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand call" -l time-limit -d 'Hard time limit: seconds, or 30s, 5m' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand call" -l soft-time-limit -d 'Soft time limit: seconds, or 30s, 5m' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand call" -l header -d 'A header of the message; repeatable' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand call" -l serializer -d 'Content type of the arguments' -r -f -a "json\t''
msgpack\t''
yaml\t''"
complete -c rcelery -n "__fish_rcelery_using_subcommand call" -l compression -d 'Compression of the arguments' -r -f -a "gzip\t''
zlib\t''
bzip2\t''
zstd\t''"
complete -c rcelery -n "__fish_rcelery_using_subcommand call" -l queue -d 'Queue to send it to' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand call" -l exchange -d 'Exchange to send it to' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand call" -l routing-key -d 'Routing key to send it with' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand call" -l priority -d 'Priority, 0 to 9; which end is urgent depends on the broker' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand call" -s w -l wait -d 'Wait for the result, at most SECS, and print it' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand call" -l progress -d 'Wait for the result, and show how far it is' -r -f -a "auto\t'Bars on a terminal, else plain lines'
bar\t'Bars; plain lines where stderr is no terminal that can draw them'
plain\t'Lines: one per change of state or tenth of the way; of many tasks their ends and a total'
json\t'One JSON object per change'
none\t'Nothing'"
complete -c rcelery -n "__fish_rcelery_using_subcommand call" -s A -l app -d 'Python Celery app or configuration file (*.toml) to use' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand call" -s b -l broker -d 'Broker URL' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand call" -l result-backend -d 'Result back end URL' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand call" -l config -d 'Configuration file' -r -F
complete -c rcelery -n "__fish_rcelery_using_subcommand call" -l workdir -d 'Change to this directory first' -r -F
complete -c rcelery -n "__fish_rcelery_using_subcommand call" -l set -d 'Set any setting; repeatable' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand call" -l connect-timeout -d 'Longest time to connect and shake hands, in seconds [default: 4]' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand call" -l format -d 'Form of the answer' -r -f -a "auto\t'Tables on a terminal, else Celery\'s text'
table\t'Tables for people'
classic\t'Celery\'s own text, for scripts that read it'
json\t'One JSON document'"
complete -c rcelery -n "__fish_rcelery_using_subcommand call" -l color -d 'When to use colour' -r -f -a "auto\t'On a terminal, unless the environment says otherwise'
always\t'Into pipes and files as well'
never\t'Not at all'"
complete -c rcelery -n "__fish_rcelery_using_subcommand call" -l loader -d 'Accepted for Celery\'s sake, without effect' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand call" -l ignore-result -d 'Store no result'
complete -c rcelery -n "__fish_rcelery_using_subcommand call" -l cancel-on-interrupt -d 'Revoke what is not done when the wait is interrupted, running tasks too'
complete -c rcelery -n "__fish_rcelery_using_subcommand call" -l check -d 'Ask the workers first, and send nothing if none of them registers the task'
complete -c rcelery -n "__fish_rcelery_using_subcommand call" -l retry -d 'Try again while the broker can\'t be reached, as `task_publish_retry_policy` says'
complete -c rcelery -n "__fish_rcelery_using_subcommand call" -l dry-run -d 'Print the message instead of sending it'
complete -c rcelery -n "__fish_rcelery_using_subcommand call" -l no-config -d 'Read no configuration file'
complete -c rcelery -n "__fish_rcelery_using_subcommand call" -s j -l json -d 'Answer with one JSON document'
complete -c rcelery -n "__fish_rcelery_using_subcommand call" -s C -l no-color -d 'No colour, as with a non-empty NO_COLOR'
complete -c rcelery -n "__fish_rcelery_using_subcommand call" -s q -l quiet -d 'Print answers and errors only'
complete -c rcelery -n "__fish_rcelery_using_subcommand call" -s v -l verbose -d 'Say more on stderr; twice for debugging'
complete -c rcelery -n "__fish_rcelery_using_subcommand call" -l skip-checks -d 'Accepted for Celery\'s sake, without effect'
complete -c rcelery -n "__fish_rcelery_using_subcommand call" -l detached -d 'Set in the process that `--detach` starts'
complete -c rcelery -n "__fish_rcelery_using_subcommand call" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c rcelery -n "__fish_rcelery_using_subcommand result" -s w -l wait -d 'Wait until it is there, at most SECS' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand result" -l progress -d 'Wait, and show how far it is' -r -f -a "auto\t'Bars on a terminal, else plain lines'
bar\t'Bars; plain lines where stderr is no terminal that can draw them'
plain\t'Lines: one per change of state or tenth of the way; of many tasks their ends and a total'
json\t'One JSON object per change'
none\t'Nothing'"
complete -c rcelery -n "__fish_rcelery_using_subcommand result" -s t -l task -d 'Name of the task, for display' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand result" -s A -l app -d 'Python Celery app or configuration file (*.toml) to use' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand result" -s b -l broker -d 'Broker URL' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand result" -l result-backend -d 'Result back end URL' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand result" -l config -d 'Configuration file' -r -F
complete -c rcelery -n "__fish_rcelery_using_subcommand result" -l workdir -d 'Change to this directory first' -r -F
complete -c rcelery -n "__fish_rcelery_using_subcommand result" -l set -d 'Set any setting; repeatable' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand result" -l connect-timeout -d 'Longest time to connect and shake hands, in seconds [default: 4]' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand result" -l format -d 'Form of the answer' -r -f -a "auto\t'Tables on a terminal, else Celery\'s text'
table\t'Tables for people'
classic\t'Celery\'s own text, for scripts that read it'
json\t'One JSON document'"
complete -c rcelery -n "__fish_rcelery_using_subcommand result" -l color -d 'When to use colour' -r -f -a "auto\t'On a terminal, unless the environment says otherwise'
always\t'Into pipes and files as well'
never\t'Not at all'"
complete -c rcelery -n "__fish_rcelery_using_subcommand result" -l loader -d 'Accepted for Celery\'s sake, without effect' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand result" -l watch -d 'Wait, and print every change: a bar on a terminal, lines in a pipe, NDJSON with -j'
complete -c rcelery -n "__fish_rcelery_using_subcommand result" -l raw -d 'Print the value as it is: text and bytes with no line break behind them'
complete -c rcelery -n "__fish_rcelery_using_subcommand result" -l traceback -d 'Show the traceback instead'
complete -c rcelery -n "__fish_rcelery_using_subcommand result" -l children -d 'Show the tasks that it sent, and theirs'
complete -c rcelery -n "__fish_rcelery_using_subcommand result" -l forget -d 'Remove the result once it was shown'
complete -c rcelery -n "__fish_rcelery_using_subcommand result" -l prefix -d 'Take each id as the beginning of one, if only one begins so (Redis)'
complete -c rcelery -n "__fish_rcelery_using_subcommand result" -l no-config -d 'Read no configuration file'
complete -c rcelery -n "__fish_rcelery_using_subcommand result" -s j -l json -d 'Answer with one JSON document'
complete -c rcelery -n "__fish_rcelery_using_subcommand result" -s C -l no-color -d 'No colour, as with a non-empty NO_COLOR'
complete -c rcelery -n "__fish_rcelery_using_subcommand result" -s q -l quiet -d 'Print answers and errors only'
complete -c rcelery -n "__fish_rcelery_using_subcommand result" -s v -l verbose -d 'Say more on stderr; twice for debugging'
complete -c rcelery -n "__fish_rcelery_using_subcommand result" -l skip-checks -d 'Accepted for Celery\'s sake, without effect'
complete -c rcelery -n "__fish_rcelery_using_subcommand result" -l detached -d 'Set in the process that `--detach` starts'
complete -c rcelery -n "__fish_rcelery_using_subcommand result" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c rcelery -n "__fish_rcelery_using_subcommand status" -s t -l timeout -d 'Longest time to wait for replies, in seconds' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand status" -s d -l destination -d 'Comma separated list of node names to ask' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand status" -l watch -d 'Ask again and again, every 2 seconds or as often as this says' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand status" -s A -l app -d 'Python Celery app or configuration file (*.toml) to use' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand status" -s b -l broker -d 'Broker URL' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand status" -l result-backend -d 'Result back end URL' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand status" -l config -d 'Configuration file' -r -F
complete -c rcelery -n "__fish_rcelery_using_subcommand status" -l workdir -d 'Change to this directory first' -r -F
complete -c rcelery -n "__fish_rcelery_using_subcommand status" -l set -d 'Set any setting; repeatable' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand status" -l connect-timeout -d 'Longest time to connect and shake hands, in seconds [default: 4]' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand status" -l format -d 'Form of the answer' -r -f -a "auto\t'Tables on a terminal, else Celery\'s text'
table\t'Tables for people'
classic\t'Celery\'s own text, for scripts that read it'
json\t'One JSON document'"
complete -c rcelery -n "__fish_rcelery_using_subcommand status" -l color -d 'When to use colour' -r -f -a "auto\t'On a terminal, unless the environment says otherwise'
always\t'Into pipes and files as well'
never\t'Not at all'"
complete -c rcelery -n "__fish_rcelery_using_subcommand status" -l loader -d 'Accepted for Celery\'s sake, without effect' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand status" -l long -d 'Show more: pool, process, memory, messages in the queues'
complete -c rcelery -n "__fish_rcelery_using_subcommand status" -l no-config -d 'Read no configuration file'
complete -c rcelery -n "__fish_rcelery_using_subcommand status" -s j -l json -d 'Answer with one JSON document'
complete -c rcelery -n "__fish_rcelery_using_subcommand status" -s C -l no-color -d 'No colour, as with a non-empty NO_COLOR'
complete -c rcelery -n "__fish_rcelery_using_subcommand status" -s q -l quiet -d 'Print answers and errors only'
complete -c rcelery -n "__fish_rcelery_using_subcommand status" -s v -l verbose -d 'Say more on stderr; twice for debugging'
complete -c rcelery -n "__fish_rcelery_using_subcommand status" -l skip-checks -d 'Accepted for Celery\'s sake, without effect'
complete -c rcelery -n "__fish_rcelery_using_subcommand status" -l detached -d 'Set in the process that `--detach` starts'
complete -c rcelery -n "__fish_rcelery_using_subcommand status" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and not __fish_seen_subcommand_from active active_queues clock conf memdump memsample objgraph ping query_task registered report reserved revoked scheduled stats" -s t -l timeout -d 'Longest time to wait for replies, in seconds' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and not __fish_seen_subcommand_from active active_queues clock conf memdump memsample objgraph ping query_task registered report reserved revoked scheduled stats" -s d -l destination -d 'Comma separated list of node names to ask' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and not __fish_seen_subcommand_from active active_queues clock conf memdump memsample objgraph ping query_task registered report reserved revoked scheduled stats" -s A -l app -d 'Python Celery app or configuration file (*.toml) to use' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and not __fish_seen_subcommand_from active active_queues clock conf memdump memsample objgraph ping query_task registered report reserved revoked scheduled stats" -s b -l broker -d 'Broker URL' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and not __fish_seen_subcommand_from active active_queues clock conf memdump memsample objgraph ping query_task registered report reserved revoked scheduled stats" -l result-backend -d 'Result back end URL' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and not __fish_seen_subcommand_from active active_queues clock conf memdump memsample objgraph ping query_task registered report reserved revoked scheduled stats" -l config -d 'Configuration file' -r -F
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and not __fish_seen_subcommand_from active active_queues clock conf memdump memsample objgraph ping query_task registered report reserved revoked scheduled stats" -l workdir -d 'Change to this directory first' -r -F
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and not __fish_seen_subcommand_from active active_queues clock conf memdump memsample objgraph ping query_task registered report reserved revoked scheduled stats" -l set -d 'Set any setting; repeatable' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and not __fish_seen_subcommand_from active active_queues clock conf memdump memsample objgraph ping query_task registered report reserved revoked scheduled stats" -l connect-timeout -d 'Longest time to connect and shake hands, in seconds [default: 4]' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and not __fish_seen_subcommand_from active active_queues clock conf memdump memsample objgraph ping query_task registered report reserved revoked scheduled stats" -l format -d 'Form of the answer' -r -f -a "auto\t'Tables on a terminal, else Celery\'s text'
table\t'Tables for people'
classic\t'Celery\'s own text, for scripts that read it'
json\t'One JSON document'"
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and not __fish_seen_subcommand_from active active_queues clock conf memdump memsample objgraph ping query_task registered report reserved revoked scheduled stats" -l color -d 'When to use colour' -r -f -a "auto\t'On a terminal, unless the environment says otherwise'
always\t'Into pipes and files as well'
never\t'Not at all'"
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and not __fish_seen_subcommand_from active active_queues clock conf memdump memsample objgraph ping query_task registered report reserved revoked scheduled stats" -l loader -d 'Accepted for Celery\'s sake, without effect' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and not __fish_seen_subcommand_from active active_queues clock conf memdump memsample objgraph ping query_task registered report reserved revoked scheduled stats" -l full -d 'Show ids in full in tables'
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and not __fish_seen_subcommand_from active active_queues clock conf memdump memsample objgraph ping query_task registered report reserved revoked scheduled stats" -l list -d 'List the commands and exit'
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and not __fish_seen_subcommand_from active active_queues clock conf memdump memsample objgraph ping query_task registered report reserved revoked scheduled stats" -l no-config -d 'Read no configuration file'
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and not __fish_seen_subcommand_from active active_queues clock conf memdump memsample objgraph ping query_task registered report reserved revoked scheduled stats" -s j -l json -d 'Answer with one JSON document'
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and not __fish_seen_subcommand_from active active_queues clock conf memdump memsample objgraph ping query_task registered report reserved revoked scheduled stats" -s C -l no-color -d 'No colour, as with a non-empty NO_COLOR'
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and not __fish_seen_subcommand_from active active_queues clock conf memdump memsample objgraph ping query_task registered report reserved revoked scheduled stats" -s q -l quiet -d 'Print answers and errors only'
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and not __fish_seen_subcommand_from active active_queues clock conf memdump memsample objgraph ping query_task registered report reserved revoked scheduled stats" -s v -l verbose -d 'Say more on stderr; twice for debugging'
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and not __fish_seen_subcommand_from active active_queues clock conf memdump memsample objgraph ping query_task registered report reserved revoked scheduled stats" -l skip-checks -d 'Accepted for Celery\'s sake, without effect'
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and not __fish_seen_subcommand_from active active_queues clock conf memdump memsample objgraph ping query_task registered report reserved revoked scheduled stats" -l detached -d 'Set in the process that `--detach` starts'
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and not __fish_seen_subcommand_from active active_queues clock conf memdump memsample objgraph ping query_task registered report reserved revoked scheduled stats" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and not __fish_seen_subcommand_from active active_queues clock conf memdump memsample objgraph ping query_task registered report reserved revoked scheduled stats" -f -a "active" -d 'List of tasks currently being executed'
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and not __fish_seen_subcommand_from active active_queues clock conf memdump memsample objgraph ping query_task registered report reserved revoked scheduled stats" -f -a "active_queues" -d 'List the task queues a worker is currently consuming from'
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and not __fish_seen_subcommand_from active active_queues clock conf memdump memsample objgraph ping query_task registered report reserved revoked scheduled stats" -f -a "clock" -d 'Get current logical clock value'
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and not __fish_seen_subcommand_from active active_queues clock conf memdump memsample objgraph ping query_task registered report reserved revoked scheduled stats" -f -a "conf" -d 'List configuration'
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and not __fish_seen_subcommand_from active active_queues clock conf memdump memsample objgraph ping query_task registered report reserved revoked scheduled stats" -f -a "memdump" -d 'Dump statistics of previous memsample requests'
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and not __fish_seen_subcommand_from active active_queues clock conf memdump memsample objgraph ping query_task registered report reserved revoked scheduled stats" -f -a "memsample" -d 'Sample current RSS memory usage'
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and not __fish_seen_subcommand_from active active_queues clock conf memdump memsample objgraph ping query_task registered report reserved revoked scheduled stats" -f -a "objgraph" -d 'Create graph of uncollected objects (memory-leak debugging)'
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and not __fish_seen_subcommand_from active active_queues clock conf memdump memsample objgraph ping query_task registered report reserved revoked scheduled stats" -f -a "ping" -d 'Ping worker(s)'
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and not __fish_seen_subcommand_from active active_queues clock conf memdump memsample objgraph ping query_task registered report reserved revoked scheduled stats" -f -a "query_task" -d 'Query for task information by id'
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and not __fish_seen_subcommand_from active active_queues clock conf memdump memsample objgraph ping query_task registered report reserved revoked scheduled stats" -f -a "registered" -d 'List of registered tasks'
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and not __fish_seen_subcommand_from active active_queues clock conf memdump memsample objgraph ping query_task registered report reserved revoked scheduled stats" -f -a "report" -d 'Information about Celery installation for bug reports'
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and not __fish_seen_subcommand_from active active_queues clock conf memdump memsample objgraph ping query_task registered report reserved revoked scheduled stats" -f -a "reserved" -d 'List of currently reserved tasks, not including scheduled/active'
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and not __fish_seen_subcommand_from active active_queues clock conf memdump memsample objgraph ping query_task registered report reserved revoked scheduled stats" -f -a "revoked" -d 'List of revoked task-ids'
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and not __fish_seen_subcommand_from active active_queues clock conf memdump memsample objgraph ping query_task registered report reserved revoked scheduled stats" -f -a "scheduled" -d 'List of currently scheduled ETA/countdown tasks'
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and not __fish_seen_subcommand_from active active_queues clock conf memdump memsample objgraph ping query_task registered report reserved revoked scheduled stats" -f -a "stats" -d 'Request worker statistics/information'
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from active" -s t -l timeout -d 'Longest time to wait for replies, in seconds' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from active" -s d -l destination -d 'Comma separated list of node names to ask' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from active" -s A -l app -d 'Python Celery app or configuration file (*.toml) to use' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from active" -s b -l broker -d 'Broker URL' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from active" -l result-backend -d 'Result back end URL' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from active" -l config -d 'Configuration file' -r -F
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from active" -l workdir -d 'Change to this directory first' -r -F
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from active" -l set -d 'Set any setting; repeatable' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from active" -l connect-timeout -d 'Longest time to connect and shake hands, in seconds [default: 4]' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from active" -l format -d 'Form of the answer' -r -f -a "auto\t'Tables on a terminal, else Celery\'s text'
table\t'Tables for people'
classic\t'Celery\'s own text, for scripts that read it'
json\t'One JSON document'"
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from active" -l color -d 'When to use colour' -r -f -a "auto\t'On a terminal, unless the environment says otherwise'
always\t'Into pipes and files as well'
never\t'Not at all'"
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from active" -l loader -d 'Accepted for Celery\'s sake, without effect' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from active" -l full -d 'Show ids in full in tables'
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from active" -l no-config -d 'Read no configuration file'
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from active" -s j -l json -d 'Answer with one JSON document'
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from active" -s C -l no-color -d 'No colour, as with a non-empty NO_COLOR'
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from active" -s q -l quiet -d 'Print answers and errors only'
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from active" -s v -l verbose -d 'Say more on stderr; twice for debugging'
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from active" -l skip-checks -d 'Accepted for Celery\'s sake, without effect'
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from active" -l detached -d 'Set in the process that `--detach` starts'
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from active" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from active_queues" -s t -l timeout -d 'Longest time to wait for replies, in seconds' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from active_queues" -s d -l destination -d 'Comma separated list of node names to ask' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from active_queues" -s A -l app -d 'Python Celery app or configuration file (*.toml) to use' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from active_queues" -s b -l broker -d 'Broker URL' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from active_queues" -l result-backend -d 'Result back end URL' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from active_queues" -l config -d 'Configuration file' -r -F
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from active_queues" -l workdir -d 'Change to this directory first' -r -F
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from active_queues" -l set -d 'Set any setting; repeatable' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from active_queues" -l connect-timeout -d 'Longest time to connect and shake hands, in seconds [default: 4]' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from active_queues" -l format -d 'Form of the answer' -r -f -a "auto\t'Tables on a terminal, else Celery\'s text'
table\t'Tables for people'
classic\t'Celery\'s own text, for scripts that read it'
json\t'One JSON document'"
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from active_queues" -l color -d 'When to use colour' -r -f -a "auto\t'On a terminal, unless the environment says otherwise'
always\t'Into pipes and files as well'
never\t'Not at all'"
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from active_queues" -l loader -d 'Accepted for Celery\'s sake, without effect' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from active_queues" -l full -d 'Show ids in full in tables'
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from active_queues" -l no-config -d 'Read no configuration file'
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from active_queues" -s j -l json -d 'Answer with one JSON document'
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from active_queues" -s C -l no-color -d 'No colour, as with a non-empty NO_COLOR'
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from active_queues" -s q -l quiet -d 'Print answers and errors only'
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from active_queues" -s v -l verbose -d 'Say more on stderr; twice for debugging'
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from active_queues" -l skip-checks -d 'Accepted for Celery\'s sake, without effect'
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from active_queues" -l detached -d 'Set in the process that `--detach` starts'
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from active_queues" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from clock" -s t -l timeout -d 'Longest time to wait for replies, in seconds' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from clock" -s d -l destination -d 'Comma separated list of node names to ask' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from clock" -s A -l app -d 'Python Celery app or configuration file (*.toml) to use' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from clock" -s b -l broker -d 'Broker URL' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from clock" -l result-backend -d 'Result back end URL' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from clock" -l config -d 'Configuration file' -r -F
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from clock" -l workdir -d 'Change to this directory first' -r -F
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from clock" -l set -d 'Set any setting; repeatable' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from clock" -l connect-timeout -d 'Longest time to connect and shake hands, in seconds [default: 4]' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from clock" -l format -d 'Form of the answer' -r -f -a "auto\t'Tables on a terminal, else Celery\'s text'
table\t'Tables for people'
classic\t'Celery\'s own text, for scripts that read it'
json\t'One JSON document'"
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from clock" -l color -d 'When to use colour' -r -f -a "auto\t'On a terminal, unless the environment says otherwise'
always\t'Into pipes and files as well'
never\t'Not at all'"
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from clock" -l loader -d 'Accepted for Celery\'s sake, without effect' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from clock" -l full -d 'Show ids in full in tables'
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from clock" -l no-config -d 'Read no configuration file'
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from clock" -s j -l json -d 'Answer with one JSON document'
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from clock" -s C -l no-color -d 'No colour, as with a non-empty NO_COLOR'
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from clock" -s q -l quiet -d 'Print answers and errors only'
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from clock" -s v -l verbose -d 'Say more on stderr; twice for debugging'
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from clock" -l skip-checks -d 'Accepted for Celery\'s sake, without effect'
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from clock" -l detached -d 'Set in the process that `--detach` starts'
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from clock" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from conf" -s t -l timeout -d 'Longest time to wait for replies, in seconds' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from conf" -s d -l destination -d 'Comma separated list of node names to ask' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from conf" -s A -l app -d 'Python Celery app or configuration file (*.toml) to use' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from conf" -s b -l broker -d 'Broker URL' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from conf" -l result-backend -d 'Result back end URL' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from conf" -l config -d 'Configuration file' -r -F
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from conf" -l workdir -d 'Change to this directory first' -r -F
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from conf" -l set -d 'Set any setting; repeatable' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from conf" -l connect-timeout -d 'Longest time to connect and shake hands, in seconds [default: 4]' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from conf" -l format -d 'Form of the answer' -r -f -a "auto\t'Tables on a terminal, else Celery\'s text'
table\t'Tables for people'
classic\t'Celery\'s own text, for scripts that read it'
json\t'One JSON document'"
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from conf" -l color -d 'When to use colour' -r -f -a "auto\t'On a terminal, unless the environment says otherwise'
always\t'Into pipes and files as well'
never\t'Not at all'"
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from conf" -l loader -d 'Accepted for Celery\'s sake, without effect' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from conf" -l full -d 'Show ids in full in tables'
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from conf" -l no-config -d 'Read no configuration file'
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from conf" -s j -l json -d 'Answer with one JSON document'
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from conf" -s C -l no-color -d 'No colour, as with a non-empty NO_COLOR'
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from conf" -s q -l quiet -d 'Print answers and errors only'
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from conf" -s v -l verbose -d 'Say more on stderr; twice for debugging'
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from conf" -l skip-checks -d 'Accepted for Celery\'s sake, without effect'
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from conf" -l detached -d 'Set in the process that `--detach` starts'
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from conf" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from memdump" -s t -l timeout -d 'Longest time to wait for replies, in seconds' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from memdump" -s d -l destination -d 'Comma separated list of node names to ask' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from memdump" -s A -l app -d 'Python Celery app or configuration file (*.toml) to use' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from memdump" -s b -l broker -d 'Broker URL' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from memdump" -l result-backend -d 'Result back end URL' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from memdump" -l config -d 'Configuration file' -r -F
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from memdump" -l workdir -d 'Change to this directory first' -r -F
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from memdump" -l set -d 'Set any setting; repeatable' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from memdump" -l connect-timeout -d 'Longest time to connect and shake hands, in seconds [default: 4]' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from memdump" -l format -d 'Form of the answer' -r -f -a "auto\t'Tables on a terminal, else Celery\'s text'
table\t'Tables for people'
classic\t'Celery\'s own text, for scripts that read it'
json\t'One JSON document'"
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from memdump" -l color -d 'When to use colour' -r -f -a "auto\t'On a terminal, unless the environment says otherwise'
always\t'Into pipes and files as well'
never\t'Not at all'"
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from memdump" -l loader -d 'Accepted for Celery\'s sake, without effect' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from memdump" -l full -d 'Show ids in full in tables'
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from memdump" -l no-config -d 'Read no configuration file'
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from memdump" -s j -l json -d 'Answer with one JSON document'
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from memdump" -s C -l no-color -d 'No colour, as with a non-empty NO_COLOR'
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from memdump" -s q -l quiet -d 'Print answers and errors only'
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from memdump" -s v -l verbose -d 'Say more on stderr; twice for debugging'
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from memdump" -l skip-checks -d 'Accepted for Celery\'s sake, without effect'
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from memdump" -l detached -d 'Set in the process that `--detach` starts'
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from memdump" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from memsample" -s t -l timeout -d 'Longest time to wait for replies, in seconds' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from memsample" -s d -l destination -d 'Comma separated list of node names to ask' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from memsample" -s A -l app -d 'Python Celery app or configuration file (*.toml) to use' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from memsample" -s b -l broker -d 'Broker URL' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from memsample" -l result-backend -d 'Result back end URL' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from memsample" -l config -d 'Configuration file' -r -F
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from memsample" -l workdir -d 'Change to this directory first' -r -F
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from memsample" -l set -d 'Set any setting; repeatable' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from memsample" -l connect-timeout -d 'Longest time to connect and shake hands, in seconds [default: 4]' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from memsample" -l format -d 'Form of the answer' -r -f -a "auto\t'Tables on a terminal, else Celery\'s text'
table\t'Tables for people'
classic\t'Celery\'s own text, for scripts that read it'
json\t'One JSON document'"
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from memsample" -l color -d 'When to use colour' -r -f -a "auto\t'On a terminal, unless the environment says otherwise'
always\t'Into pipes and files as well'
never\t'Not at all'"
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from memsample" -l loader -d 'Accepted for Celery\'s sake, without effect' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from memsample" -l full -d 'Show ids in full in tables'
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from memsample" -l no-config -d 'Read no configuration file'
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from memsample" -s j -l json -d 'Answer with one JSON document'
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from memsample" -s C -l no-color -d 'No colour, as with a non-empty NO_COLOR'
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from memsample" -s q -l quiet -d 'Print answers and errors only'
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from memsample" -s v -l verbose -d 'Say more on stderr; twice for debugging'
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from memsample" -l skip-checks -d 'Accepted for Celery\'s sake, without effect'
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from memsample" -l detached -d 'Set in the process that `--detach` starts'
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from memsample" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from objgraph" -s t -l timeout -d 'Longest time to wait for replies, in seconds' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from objgraph" -s d -l destination -d 'Comma separated list of node names to ask' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from objgraph" -s A -l app -d 'Python Celery app or configuration file (*.toml) to use' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from objgraph" -s b -l broker -d 'Broker URL' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from objgraph" -l result-backend -d 'Result back end URL' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from objgraph" -l config -d 'Configuration file' -r -F
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from objgraph" -l workdir -d 'Change to this directory first' -r -F
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from objgraph" -l set -d 'Set any setting; repeatable' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from objgraph" -l connect-timeout -d 'Longest time to connect and shake hands, in seconds [default: 4]' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from objgraph" -l format -d 'Form of the answer' -r -f -a "auto\t'Tables on a terminal, else Celery\'s text'
table\t'Tables for people'
classic\t'Celery\'s own text, for scripts that read it'
json\t'One JSON document'"
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from objgraph" -l color -d 'When to use colour' -r -f -a "auto\t'On a terminal, unless the environment says otherwise'
always\t'Into pipes and files as well'
never\t'Not at all'"
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from objgraph" -l loader -d 'Accepted for Celery\'s sake, without effect' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from objgraph" -l full -d 'Show ids in full in tables'
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from objgraph" -l no-config -d 'Read no configuration file'
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from objgraph" -s j -l json -d 'Answer with one JSON document'
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from objgraph" -s C -l no-color -d 'No colour, as with a non-empty NO_COLOR'
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from objgraph" -s q -l quiet -d 'Print answers and errors only'
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from objgraph" -s v -l verbose -d 'Say more on stderr; twice for debugging'
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from objgraph" -l skip-checks -d 'Accepted for Celery\'s sake, without effect'
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from objgraph" -l detached -d 'Set in the process that `--detach` starts'
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from objgraph" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from ping" -s t -l timeout -d 'Longest time to wait for replies, in seconds' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from ping" -s d -l destination -d 'Comma separated list of node names to ask' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from ping" -s A -l app -d 'Python Celery app or configuration file (*.toml) to use' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from ping" -s b -l broker -d 'Broker URL' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from ping" -l result-backend -d 'Result back end URL' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from ping" -l config -d 'Configuration file' -r -F
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from ping" -l workdir -d 'Change to this directory first' -r -F
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from ping" -l set -d 'Set any setting; repeatable' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from ping" -l connect-timeout -d 'Longest time to connect and shake hands, in seconds [default: 4]' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from ping" -l format -d 'Form of the answer' -r -f -a "auto\t'Tables on a terminal, else Celery\'s text'
table\t'Tables for people'
classic\t'Celery\'s own text, for scripts that read it'
json\t'One JSON document'"
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from ping" -l color -d 'When to use colour' -r -f -a "auto\t'On a terminal, unless the environment says otherwise'
always\t'Into pipes and files as well'
never\t'Not at all'"
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from ping" -l loader -d 'Accepted for Celery\'s sake, without effect' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from ping" -l full -d 'Show ids in full in tables'
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from ping" -l no-config -d 'Read no configuration file'
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from ping" -s j -l json -d 'Answer with one JSON document'
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from ping" -s C -l no-color -d 'No colour, as with a non-empty NO_COLOR'
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from ping" -s q -l quiet -d 'Print answers and errors only'
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from ping" -s v -l verbose -d 'Say more on stderr; twice for debugging'
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from ping" -l skip-checks -d 'Accepted for Celery\'s sake, without effect'
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from ping" -l detached -d 'Set in the process that `--detach` starts'
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from ping" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from query_task" -s t -l timeout -d 'Longest time to wait for replies, in seconds' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from query_task" -s d -l destination -d 'Comma separated list of node names to ask' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from query_task" -s A -l app -d 'Python Celery app or configuration file (*.toml) to use' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from query_task" -s b -l broker -d 'Broker URL' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from query_task" -l result-backend -d 'Result back end URL' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from query_task" -l config -d 'Configuration file' -r -F
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from query_task" -l workdir -d 'Change to this directory first' -r -F
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from query_task" -l set -d 'Set any setting; repeatable' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from query_task" -l connect-timeout -d 'Longest time to connect and shake hands, in seconds [default: 4]' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from query_task" -l format -d 'Form of the answer' -r -f -a "auto\t'Tables on a terminal, else Celery\'s text'
table\t'Tables for people'
classic\t'Celery\'s own text, for scripts that read it'
json\t'One JSON document'"
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from query_task" -l color -d 'When to use colour' -r -f -a "auto\t'On a terminal, unless the environment says otherwise'
always\t'Into pipes and files as well'
never\t'Not at all'"
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from query_task" -l loader -d 'Accepted for Celery\'s sake, without effect' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from query_task" -l full -d 'Show ids in full in tables'
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from query_task" -l no-config -d 'Read no configuration file'
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from query_task" -s j -l json -d 'Answer with one JSON document'
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from query_task" -s C -l no-color -d 'No colour, as with a non-empty NO_COLOR'
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from query_task" -s q -l quiet -d 'Print answers and errors only'
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from query_task" -s v -l verbose -d 'Say more on stderr; twice for debugging'
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from query_task" -l skip-checks -d 'Accepted for Celery\'s sake, without effect'
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from query_task" -l detached -d 'Set in the process that `--detach` starts'
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from query_task" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from registered" -s t -l timeout -d 'Longest time to wait for replies, in seconds' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from registered" -s d -l destination -d 'Comma separated list of node names to ask' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from registered" -s A -l app -d 'Python Celery app or configuration file (*.toml) to use' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from registered" -s b -l broker -d 'Broker URL' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from registered" -l result-backend -d 'Result back end URL' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from registered" -l config -d 'Configuration file' -r -F
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from registered" -l workdir -d 'Change to this directory first' -r -F
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from registered" -l set -d 'Set any setting; repeatable' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from registered" -l connect-timeout -d 'Longest time to connect and shake hands, in seconds [default: 4]' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from registered" -l format -d 'Form of the answer' -r -f -a "auto\t'Tables on a terminal, else Celery\'s text'
table\t'Tables for people'
classic\t'Celery\'s own text, for scripts that read it'
json\t'One JSON document'"
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from registered" -l color -d 'When to use colour' -r -f -a "auto\t'On a terminal, unless the environment says otherwise'
always\t'Into pipes and files as well'
never\t'Not at all'"
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from registered" -l loader -d 'Accepted for Celery\'s sake, without effect' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from registered" -l full -d 'Show ids in full in tables'
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from registered" -l no-config -d 'Read no configuration file'
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from registered" -s j -l json -d 'Answer with one JSON document'
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from registered" -s C -l no-color -d 'No colour, as with a non-empty NO_COLOR'
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from registered" -s q -l quiet -d 'Print answers and errors only'
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from registered" -s v -l verbose -d 'Say more on stderr; twice for debugging'
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from registered" -l skip-checks -d 'Accepted for Celery\'s sake, without effect'
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from registered" -l detached -d 'Set in the process that `--detach` starts'
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from registered" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from report" -s t -l timeout -d 'Longest time to wait for replies, in seconds' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from report" -s d -l destination -d 'Comma separated list of node names to ask' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from report" -s A -l app -d 'Python Celery app or configuration file (*.toml) to use' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from report" -s b -l broker -d 'Broker URL' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from report" -l result-backend -d 'Result back end URL' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from report" -l config -d 'Configuration file' -r -F
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from report" -l workdir -d 'Change to this directory first' -r -F
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from report" -l set -d 'Set any setting; repeatable' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from report" -l connect-timeout -d 'Longest time to connect and shake hands, in seconds [default: 4]' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from report" -l format -d 'Form of the answer' -r -f -a "auto\t'Tables on a terminal, else Celery\'s text'
table\t'Tables for people'
classic\t'Celery\'s own text, for scripts that read it'
json\t'One JSON document'"
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from report" -l color -d 'When to use colour' -r -f -a "auto\t'On a terminal, unless the environment says otherwise'
always\t'Into pipes and files as well'
never\t'Not at all'"
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from report" -l loader -d 'Accepted for Celery\'s sake, without effect' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from report" -l full -d 'Show ids in full in tables'
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from report" -l no-config -d 'Read no configuration file'
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from report" -s j -l json -d 'Answer with one JSON document'
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from report" -s C -l no-color -d 'No colour, as with a non-empty NO_COLOR'
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from report" -s q -l quiet -d 'Print answers and errors only'
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from report" -s v -l verbose -d 'Say more on stderr; twice for debugging'
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from report" -l skip-checks -d 'Accepted for Celery\'s sake, without effect'
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from report" -l detached -d 'Set in the process that `--detach` starts'
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from report" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from reserved" -s t -l timeout -d 'Longest time to wait for replies, in seconds' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from reserved" -s d -l destination -d 'Comma separated list of node names to ask' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from reserved" -s A -l app -d 'Python Celery app or configuration file (*.toml) to use' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from reserved" -s b -l broker -d 'Broker URL' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from reserved" -l result-backend -d 'Result back end URL' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from reserved" -l config -d 'Configuration file' -r -F
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from reserved" -l workdir -d 'Change to this directory first' -r -F
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from reserved" -l set -d 'Set any setting; repeatable' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from reserved" -l connect-timeout -d 'Longest time to connect and shake hands, in seconds [default: 4]' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from reserved" -l format -d 'Form of the answer' -r -f -a "auto\t'Tables on a terminal, else Celery\'s text'
table\t'Tables for people'
classic\t'Celery\'s own text, for scripts that read it'
json\t'One JSON document'"
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from reserved" -l color -d 'When to use colour' -r -f -a "auto\t'On a terminal, unless the environment says otherwise'
always\t'Into pipes and files as well'
never\t'Not at all'"
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from reserved" -l loader -d 'Accepted for Celery\'s sake, without effect' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from reserved" -l full -d 'Show ids in full in tables'
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from reserved" -l no-config -d 'Read no configuration file'
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from reserved" -s j -l json -d 'Answer with one JSON document'
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from reserved" -s C -l no-color -d 'No colour, as with a non-empty NO_COLOR'
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from reserved" -s q -l quiet -d 'Print answers and errors only'
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from reserved" -s v -l verbose -d 'Say more on stderr; twice for debugging'
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from reserved" -l skip-checks -d 'Accepted for Celery\'s sake, without effect'
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from reserved" -l detached -d 'Set in the process that `--detach` starts'
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from reserved" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from revoked" -s t -l timeout -d 'Longest time to wait for replies, in seconds' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from revoked" -s d -l destination -d 'Comma separated list of node names to ask' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from revoked" -s A -l app -d 'Python Celery app or configuration file (*.toml) to use' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from revoked" -s b -l broker -d 'Broker URL' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from revoked" -l result-backend -d 'Result back end URL' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from revoked" -l config -d 'Configuration file' -r -F
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from revoked" -l workdir -d 'Change to this directory first' -r -F
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from revoked" -l set -d 'Set any setting; repeatable' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from revoked" -l connect-timeout -d 'Longest time to connect and shake hands, in seconds [default: 4]' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from revoked" -l format -d 'Form of the answer' -r -f -a "auto\t'Tables on a terminal, else Celery\'s text'
table\t'Tables for people'
classic\t'Celery\'s own text, for scripts that read it'
json\t'One JSON document'"
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from revoked" -l color -d 'When to use colour' -r -f -a "auto\t'On a terminal, unless the environment says otherwise'
always\t'Into pipes and files as well'
never\t'Not at all'"
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from revoked" -l loader -d 'Accepted for Celery\'s sake, without effect' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from revoked" -l full -d 'Show ids in full in tables'
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from revoked" -l no-config -d 'Read no configuration file'
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from revoked" -s j -l json -d 'Answer with one JSON document'
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from revoked" -s C -l no-color -d 'No colour, as with a non-empty NO_COLOR'
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from revoked" -s q -l quiet -d 'Print answers and errors only'
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from revoked" -s v -l verbose -d 'Say more on stderr; twice for debugging'
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from revoked" -l skip-checks -d 'Accepted for Celery\'s sake, without effect'
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from revoked" -l detached -d 'Set in the process that `--detach` starts'
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from revoked" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from scheduled" -s t -l timeout -d 'Longest time to wait for replies, in seconds' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from scheduled" -s d -l destination -d 'Comma separated list of node names to ask' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from scheduled" -s A -l app -d 'Python Celery app or configuration file (*.toml) to use' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from scheduled" -s b -l broker -d 'Broker URL' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from scheduled" -l result-backend -d 'Result back end URL' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from scheduled" -l config -d 'Configuration file' -r -F
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from scheduled" -l workdir -d 'Change to this directory first' -r -F
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from scheduled" -l set -d 'Set any setting; repeatable' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from scheduled" -l connect-timeout -d 'Longest time to connect and shake hands, in seconds [default: 4]' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from scheduled" -l format -d 'Form of the answer' -r -f -a "auto\t'Tables on a terminal, else Celery\'s text'
table\t'Tables for people'
classic\t'Celery\'s own text, for scripts that read it'
json\t'One JSON document'"
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from scheduled" -l color -d 'When to use colour' -r -f -a "auto\t'On a terminal, unless the environment says otherwise'
always\t'Into pipes and files as well'
never\t'Not at all'"
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from scheduled" -l loader -d 'Accepted for Celery\'s sake, without effect' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from scheduled" -l full -d 'Show ids in full in tables'
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from scheduled" -l no-config -d 'Read no configuration file'
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from scheduled" -s j -l json -d 'Answer with one JSON document'
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from scheduled" -s C -l no-color -d 'No colour, as with a non-empty NO_COLOR'
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from scheduled" -s q -l quiet -d 'Print answers and errors only'
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from scheduled" -s v -l verbose -d 'Say more on stderr; twice for debugging'
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from scheduled" -l skip-checks -d 'Accepted for Celery\'s sake, without effect'
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from scheduled" -l detached -d 'Set in the process that `--detach` starts'
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from scheduled" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from stats" -s t -l timeout -d 'Longest time to wait for replies, in seconds' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from stats" -s d -l destination -d 'Comma separated list of node names to ask' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from stats" -s A -l app -d 'Python Celery app or configuration file (*.toml) to use' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from stats" -s b -l broker -d 'Broker URL' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from stats" -l result-backend -d 'Result back end URL' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from stats" -l config -d 'Configuration file' -r -F
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from stats" -l workdir -d 'Change to this directory first' -r -F
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from stats" -l set -d 'Set any setting; repeatable' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from stats" -l connect-timeout -d 'Longest time to connect and shake hands, in seconds [default: 4]' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from stats" -l format -d 'Form of the answer' -r -f -a "auto\t'Tables on a terminal, else Celery\'s text'
table\t'Tables for people'
classic\t'Celery\'s own text, for scripts that read it'
json\t'One JSON document'"
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from stats" -l color -d 'When to use colour' -r -f -a "auto\t'On a terminal, unless the environment says otherwise'
always\t'Into pipes and files as well'
never\t'Not at all'"
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from stats" -l loader -d 'Accepted for Celery\'s sake, without effect' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from stats" -l full -d 'Show ids in full in tables'
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from stats" -l no-config -d 'Read no configuration file'
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from stats" -s j -l json -d 'Answer with one JSON document'
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from stats" -s C -l no-color -d 'No colour, as with a non-empty NO_COLOR'
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from stats" -s q -l quiet -d 'Print answers and errors only'
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from stats" -s v -l verbose -d 'Say more on stderr; twice for debugging'
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from stats" -l skip-checks -d 'Accepted for Celery\'s sake, without effect'
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from stats" -l detached -d 'Set in the process that `--detach` starts'
complete -c rcelery -n "__fish_rcelery_using_subcommand inspect; and __fish_seen_subcommand_from stats" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and not __fish_seen_subcommand_from add_consumer autoscale cancel_consumer disable_events election enable_events heartbeat pool_grow pool_restart pool_shrink rate_limit revoke revoke_by_stamped_headers terminate time_limit shutdown" -s t -l timeout -d 'Longest time to wait for replies, in seconds' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and not __fish_seen_subcommand_from add_consumer autoscale cancel_consumer disable_events election enable_events heartbeat pool_grow pool_restart pool_shrink rate_limit revoke revoke_by_stamped_headers terminate time_limit shutdown" -s d -l destination -d 'Comma separated list of node names to ask' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and not __fish_seen_subcommand_from add_consumer autoscale cancel_consumer disable_events election enable_events heartbeat pool_grow pool_restart pool_shrink rate_limit revoke revoke_by_stamped_headers terminate time_limit shutdown" -s A -l app -d 'Python Celery app or configuration file (*.toml) to use' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and not __fish_seen_subcommand_from add_consumer autoscale cancel_consumer disable_events election enable_events heartbeat pool_grow pool_restart pool_shrink rate_limit revoke revoke_by_stamped_headers terminate time_limit shutdown" -s b -l broker -d 'Broker URL' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and not __fish_seen_subcommand_from add_consumer autoscale cancel_consumer disable_events election enable_events heartbeat pool_grow pool_restart pool_shrink rate_limit revoke revoke_by_stamped_headers terminate time_limit shutdown" -l result-backend -d 'Result back end URL' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and not __fish_seen_subcommand_from add_consumer autoscale cancel_consumer disable_events election enable_events heartbeat pool_grow pool_restart pool_shrink rate_limit revoke revoke_by_stamped_headers terminate time_limit shutdown" -l config -d 'Configuration file' -r -F
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and not __fish_seen_subcommand_from add_consumer autoscale cancel_consumer disable_events election enable_events heartbeat pool_grow pool_restart pool_shrink rate_limit revoke revoke_by_stamped_headers terminate time_limit shutdown" -l workdir -d 'Change to this directory first' -r -F
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and not __fish_seen_subcommand_from add_consumer autoscale cancel_consumer disable_events election enable_events heartbeat pool_grow pool_restart pool_shrink rate_limit revoke revoke_by_stamped_headers terminate time_limit shutdown" -l set -d 'Set any setting; repeatable' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and not __fish_seen_subcommand_from add_consumer autoscale cancel_consumer disable_events election enable_events heartbeat pool_grow pool_restart pool_shrink rate_limit revoke revoke_by_stamped_headers terminate time_limit shutdown" -l connect-timeout -d 'Longest time to connect and shake hands, in seconds [default: 4]' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and not __fish_seen_subcommand_from add_consumer autoscale cancel_consumer disable_events election enable_events heartbeat pool_grow pool_restart pool_shrink rate_limit revoke revoke_by_stamped_headers terminate time_limit shutdown" -l format -d 'Form of the answer' -r -f -a "auto\t'Tables on a terminal, else Celery\'s text'
table\t'Tables for people'
classic\t'Celery\'s own text, for scripts that read it'
json\t'One JSON document'"
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and not __fish_seen_subcommand_from add_consumer autoscale cancel_consumer disable_events election enable_events heartbeat pool_grow pool_restart pool_shrink rate_limit revoke revoke_by_stamped_headers terminate time_limit shutdown" -l color -d 'When to use colour' -r -f -a "auto\t'On a terminal, unless the environment says otherwise'
always\t'Into pipes and files as well'
never\t'Not at all'"
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and not __fish_seen_subcommand_from add_consumer autoscale cancel_consumer disable_events election enable_events heartbeat pool_grow pool_restart pool_shrink rate_limit revoke revoke_by_stamped_headers terminate time_limit shutdown" -l loader -d 'Accepted for Celery\'s sake, without effect' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and not __fish_seen_subcommand_from add_consumer autoscale cancel_consumer disable_events election enable_events heartbeat pool_grow pool_restart pool_shrink rate_limit revoke revoke_by_stamped_headers terminate time_limit shutdown" -l list -d 'List the commands and exit'
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and not __fish_seen_subcommand_from add_consumer autoscale cancel_consumer disable_events election enable_events heartbeat pool_grow pool_restart pool_shrink rate_limit revoke revoke_by_stamped_headers terminate time_limit shutdown" -l no-config -d 'Read no configuration file'
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and not __fish_seen_subcommand_from add_consumer autoscale cancel_consumer disable_events election enable_events heartbeat pool_grow pool_restart pool_shrink rate_limit revoke revoke_by_stamped_headers terminate time_limit shutdown" -s j -l json -d 'Answer with one JSON document'
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and not __fish_seen_subcommand_from add_consumer autoscale cancel_consumer disable_events election enable_events heartbeat pool_grow pool_restart pool_shrink rate_limit revoke revoke_by_stamped_headers terminate time_limit shutdown" -s C -l no-color -d 'No colour, as with a non-empty NO_COLOR'
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and not __fish_seen_subcommand_from add_consumer autoscale cancel_consumer disable_events election enable_events heartbeat pool_grow pool_restart pool_shrink rate_limit revoke revoke_by_stamped_headers terminate time_limit shutdown" -s q -l quiet -d 'Print answers and errors only'
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and not __fish_seen_subcommand_from add_consumer autoscale cancel_consumer disable_events election enable_events heartbeat pool_grow pool_restart pool_shrink rate_limit revoke revoke_by_stamped_headers terminate time_limit shutdown" -s v -l verbose -d 'Say more on stderr; twice for debugging'
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and not __fish_seen_subcommand_from add_consumer autoscale cancel_consumer disable_events election enable_events heartbeat pool_grow pool_restart pool_shrink rate_limit revoke revoke_by_stamped_headers terminate time_limit shutdown" -l skip-checks -d 'Accepted for Celery\'s sake, without effect'
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and not __fish_seen_subcommand_from add_consumer autoscale cancel_consumer disable_events election enable_events heartbeat pool_grow pool_restart pool_shrink rate_limit revoke revoke_by_stamped_headers terminate time_limit shutdown" -l detached -d 'Set in the process that `--detach` starts'
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and not __fish_seen_subcommand_from add_consumer autoscale cancel_consumer disable_events election enable_events heartbeat pool_grow pool_restart pool_shrink rate_limit revoke revoke_by_stamped_headers terminate time_limit shutdown" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and not __fish_seen_subcommand_from add_consumer autoscale cancel_consumer disable_events election enable_events heartbeat pool_grow pool_restart pool_shrink rate_limit revoke revoke_by_stamped_headers terminate time_limit shutdown" -f -a "add_consumer" -d 'Tell worker(s) to consume from task queue by name'
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and not __fish_seen_subcommand_from add_consumer autoscale cancel_consumer disable_events election enable_events heartbeat pool_grow pool_restart pool_shrink rate_limit revoke revoke_by_stamped_headers terminate time_limit shutdown" -f -a "autoscale" -d 'Modify autoscale settings'
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and not __fish_seen_subcommand_from add_consumer autoscale cancel_consumer disable_events election enable_events heartbeat pool_grow pool_restart pool_shrink rate_limit revoke revoke_by_stamped_headers terminate time_limit shutdown" -f -a "cancel_consumer" -d 'Tell worker(s) to stop consuming from task queue by name'
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and not __fish_seen_subcommand_from add_consumer autoscale cancel_consumer disable_events election enable_events heartbeat pool_grow pool_restart pool_shrink rate_limit revoke revoke_by_stamped_headers terminate time_limit shutdown" -f -a "disable_events" -d 'Tell worker(s) to stop sending task-related events'
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and not __fish_seen_subcommand_from add_consumer autoscale cancel_consumer disable_events election enable_events heartbeat pool_grow pool_restart pool_shrink rate_limit revoke revoke_by_stamped_headers terminate time_limit shutdown" -f -a "election" -d 'Hold election'
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and not __fish_seen_subcommand_from add_consumer autoscale cancel_consumer disable_events election enable_events heartbeat pool_grow pool_restart pool_shrink rate_limit revoke revoke_by_stamped_headers terminate time_limit shutdown" -f -a "enable_events" -d 'Tell worker(s) to send task-related events'
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and not __fish_seen_subcommand_from add_consumer autoscale cancel_consumer disable_events election enable_events heartbeat pool_grow pool_restart pool_shrink rate_limit revoke revoke_by_stamped_headers terminate time_limit shutdown" -f -a "heartbeat" -d 'Tell worker(s) to send event heartbeat immediately'
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and not __fish_seen_subcommand_from add_consumer autoscale cancel_consumer disable_events election enable_events heartbeat pool_grow pool_restart pool_shrink rate_limit revoke revoke_by_stamped_headers terminate time_limit shutdown" -f -a "pool_grow" -d 'Grow pool by n processes/threads'
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and not __fish_seen_subcommand_from add_consumer autoscale cancel_consumer disable_events election enable_events heartbeat pool_grow pool_restart pool_shrink rate_limit revoke revoke_by_stamped_headers terminate time_limit shutdown" -f -a "pool_restart" -d 'Restart execution pool'
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and not __fish_seen_subcommand_from add_consumer autoscale cancel_consumer disable_events election enable_events heartbeat pool_grow pool_restart pool_shrink rate_limit revoke revoke_by_stamped_headers terminate time_limit shutdown" -f -a "pool_shrink" -d 'Shrink pool by n processes/threads'
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and not __fish_seen_subcommand_from add_consumer autoscale cancel_consumer disable_events election enable_events heartbeat pool_grow pool_restart pool_shrink rate_limit revoke revoke_by_stamped_headers terminate time_limit shutdown" -f -a "rate_limit" -d 'Tell worker(s) to modify the rate limit for a task by type'
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and not __fish_seen_subcommand_from add_consumer autoscale cancel_consumer disable_events election enable_events heartbeat pool_grow pool_restart pool_shrink rate_limit revoke revoke_by_stamped_headers terminate time_limit shutdown" -f -a "revoke" -d 'Revoke task by task id (or list of ids)'
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and not __fish_seen_subcommand_from add_consumer autoscale cancel_consumer disable_events election enable_events heartbeat pool_grow pool_restart pool_shrink rate_limit revoke revoke_by_stamped_headers terminate time_limit shutdown" -f -a "revoke_by_stamped_headers" -d 'Revoke task by header (or list of headers)'
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and not __fish_seen_subcommand_from add_consumer autoscale cancel_consumer disable_events election enable_events heartbeat pool_grow pool_restart pool_shrink rate_limit revoke revoke_by_stamped_headers terminate time_limit shutdown" -f -a "terminate" -d 'Terminate task by task id (or list of ids)'
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and not __fish_seen_subcommand_from add_consumer autoscale cancel_consumer disable_events election enable_events heartbeat pool_grow pool_restart pool_shrink rate_limit revoke revoke_by_stamped_headers terminate time_limit shutdown" -f -a "time_limit" -d 'Tell worker(s) to modify the time limit for task by type'
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and not __fish_seen_subcommand_from add_consumer autoscale cancel_consumer disable_events election enable_events heartbeat pool_grow pool_restart pool_shrink rate_limit revoke revoke_by_stamped_headers terminate time_limit shutdown" -f -a "shutdown" -d 'Shutdown worker(s)'
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from add_consumer" -s t -l timeout -d 'Longest time to wait for replies, in seconds' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from add_consumer" -s d -l destination -d 'Comma separated list of node names to ask' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from add_consumer" -s A -l app -d 'Python Celery app or configuration file (*.toml) to use' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from add_consumer" -s b -l broker -d 'Broker URL' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from add_consumer" -l result-backend -d 'Result back end URL' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from add_consumer" -l config -d 'Configuration file' -r -F
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from add_consumer" -l workdir -d 'Change to this directory first' -r -F
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from add_consumer" -l set -d 'Set any setting; repeatable' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from add_consumer" -l connect-timeout -d 'Longest time to connect and shake hands, in seconds [default: 4]' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from add_consumer" -l format -d 'Form of the answer' -r -f -a "auto\t'Tables on a terminal, else Celery\'s text'
table\t'Tables for people'
classic\t'Celery\'s own text, for scripts that read it'
json\t'One JSON document'"
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from add_consumer" -l color -d 'When to use colour' -r -f -a "auto\t'On a terminal, unless the environment says otherwise'
always\t'Into pipes and files as well'
never\t'Not at all'"
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from add_consumer" -l loader -d 'Accepted for Celery\'s sake, without effect' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from add_consumer" -l no-config -d 'Read no configuration file'
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from add_consumer" -s j -l json -d 'Answer with one JSON document'
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from add_consumer" -s C -l no-color -d 'No colour, as with a non-empty NO_COLOR'
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from add_consumer" -s q -l quiet -d 'Print answers and errors only'
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from add_consumer" -s v -l verbose -d 'Say more on stderr; twice for debugging'
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from add_consumer" -l skip-checks -d 'Accepted for Celery\'s sake, without effect'
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from add_consumer" -l detached -d 'Set in the process that `--detach` starts'
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from add_consumer" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from autoscale" -s t -l timeout -d 'Longest time to wait for replies, in seconds' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from autoscale" -s d -l destination -d 'Comma separated list of node names to ask' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from autoscale" -s A -l app -d 'Python Celery app or configuration file (*.toml) to use' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from autoscale" -s b -l broker -d 'Broker URL' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from autoscale" -l result-backend -d 'Result back end URL' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from autoscale" -l config -d 'Configuration file' -r -F
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from autoscale" -l workdir -d 'Change to this directory first' -r -F
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from autoscale" -l set -d 'Set any setting; repeatable' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from autoscale" -l connect-timeout -d 'Longest time to connect and shake hands, in seconds [default: 4]' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from autoscale" -l format -d 'Form of the answer' -r -f -a "auto\t'Tables on a terminal, else Celery\'s text'
table\t'Tables for people'
classic\t'Celery\'s own text, for scripts that read it'
json\t'One JSON document'"
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from autoscale" -l color -d 'When to use colour' -r -f -a "auto\t'On a terminal, unless the environment says otherwise'
always\t'Into pipes and files as well'
never\t'Not at all'"
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from autoscale" -l loader -d 'Accepted for Celery\'s sake, without effect' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from autoscale" -l no-config -d 'Read no configuration file'
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from autoscale" -s j -l json -d 'Answer with one JSON document'
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from autoscale" -s C -l no-color -d 'No colour, as with a non-empty NO_COLOR'
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from autoscale" -s q -l quiet -d 'Print answers and errors only'
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from autoscale" -s v -l verbose -d 'Say more on stderr; twice for debugging'
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from autoscale" -l skip-checks -d 'Accepted for Celery\'s sake, without effect'
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from autoscale" -l detached -d 'Set in the process that `--detach` starts'
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from autoscale" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from cancel_consumer" -s t -l timeout -d 'Longest time to wait for replies, in seconds' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from cancel_consumer" -s d -l destination -d 'Comma separated list of node names to ask' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from cancel_consumer" -s A -l app -d 'Python Celery app or configuration file (*.toml) to use' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from cancel_consumer" -s b -l broker -d 'Broker URL' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from cancel_consumer" -l result-backend -d 'Result back end URL' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from cancel_consumer" -l config -d 'Configuration file' -r -F
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from cancel_consumer" -l workdir -d 'Change to this directory first' -r -F
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from cancel_consumer" -l set -d 'Set any setting; repeatable' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from cancel_consumer" -l connect-timeout -d 'Longest time to connect and shake hands, in seconds [default: 4]' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from cancel_consumer" -l format -d 'Form of the answer' -r -f -a "auto\t'Tables on a terminal, else Celery\'s text'
table\t'Tables for people'
classic\t'Celery\'s own text, for scripts that read it'
json\t'One JSON document'"
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from cancel_consumer" -l color -d 'When to use colour' -r -f -a "auto\t'On a terminal, unless the environment says otherwise'
always\t'Into pipes and files as well'
never\t'Not at all'"
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from cancel_consumer" -l loader -d 'Accepted for Celery\'s sake, without effect' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from cancel_consumer" -l no-config -d 'Read no configuration file'
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from cancel_consumer" -s j -l json -d 'Answer with one JSON document'
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from cancel_consumer" -s C -l no-color -d 'No colour, as with a non-empty NO_COLOR'
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from cancel_consumer" -s q -l quiet -d 'Print answers and errors only'
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from cancel_consumer" -s v -l verbose -d 'Say more on stderr; twice for debugging'
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from cancel_consumer" -l skip-checks -d 'Accepted for Celery\'s sake, without effect'
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from cancel_consumer" -l detached -d 'Set in the process that `--detach` starts'
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from cancel_consumer" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from disable_events" -s t -l timeout -d 'Longest time to wait for replies, in seconds' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from disable_events" -s d -l destination -d 'Comma separated list of node names to ask' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from disable_events" -s A -l app -d 'Python Celery app or configuration file (*.toml) to use' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from disable_events" -s b -l broker -d 'Broker URL' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from disable_events" -l result-backend -d 'Result back end URL' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from disable_events" -l config -d 'Configuration file' -r -F
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from disable_events" -l workdir -d 'Change to this directory first' -r -F
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from disable_events" -l set -d 'Set any setting; repeatable' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from disable_events" -l connect-timeout -d 'Longest time to connect and shake hands, in seconds [default: 4]' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from disable_events" -l format -d 'Form of the answer' -r -f -a "auto\t'Tables on a terminal, else Celery\'s text'
table\t'Tables for people'
classic\t'Celery\'s own text, for scripts that read it'
json\t'One JSON document'"
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from disable_events" -l color -d 'When to use colour' -r -f -a "auto\t'On a terminal, unless the environment says otherwise'
always\t'Into pipes and files as well'
never\t'Not at all'"
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from disable_events" -l loader -d 'Accepted for Celery\'s sake, without effect' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from disable_events" -l no-config -d 'Read no configuration file'
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from disable_events" -s j -l json -d 'Answer with one JSON document'
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from disable_events" -s C -l no-color -d 'No colour, as with a non-empty NO_COLOR'
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from disable_events" -s q -l quiet -d 'Print answers and errors only'
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from disable_events" -s v -l verbose -d 'Say more on stderr; twice for debugging'
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from disable_events" -l skip-checks -d 'Accepted for Celery\'s sake, without effect'
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from disable_events" -l detached -d 'Set in the process that `--detach` starts'
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from disable_events" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from election" -s t -l timeout -d 'Longest time to wait for replies, in seconds' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from election" -s d -l destination -d 'Comma separated list of node names to ask' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from election" -s A -l app -d 'Python Celery app or configuration file (*.toml) to use' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from election" -s b -l broker -d 'Broker URL' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from election" -l result-backend -d 'Result back end URL' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from election" -l config -d 'Configuration file' -r -F
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from election" -l workdir -d 'Change to this directory first' -r -F
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from election" -l set -d 'Set any setting; repeatable' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from election" -l connect-timeout -d 'Longest time to connect and shake hands, in seconds [default: 4]' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from election" -l format -d 'Form of the answer' -r -f -a "auto\t'Tables on a terminal, else Celery\'s text'
table\t'Tables for people'
classic\t'Celery\'s own text, for scripts that read it'
json\t'One JSON document'"
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from election" -l color -d 'When to use colour' -r -f -a "auto\t'On a terminal, unless the environment says otherwise'
always\t'Into pipes and files as well'
never\t'Not at all'"
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from election" -l loader -d 'Accepted for Celery\'s sake, without effect' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from election" -l no-config -d 'Read no configuration file'
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from election" -s j -l json -d 'Answer with one JSON document'
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from election" -s C -l no-color -d 'No colour, as with a non-empty NO_COLOR'
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from election" -s q -l quiet -d 'Print answers and errors only'
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from election" -s v -l verbose -d 'Say more on stderr; twice for debugging'
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from election" -l skip-checks -d 'Accepted for Celery\'s sake, without effect'
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from election" -l detached -d 'Set in the process that `--detach` starts'
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from election" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from enable_events" -s t -l timeout -d 'Longest time to wait for replies, in seconds' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from enable_events" -s d -l destination -d 'Comma separated list of node names to ask' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from enable_events" -s A -l app -d 'Python Celery app or configuration file (*.toml) to use' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from enable_events" -s b -l broker -d 'Broker URL' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from enable_events" -l result-backend -d 'Result back end URL' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from enable_events" -l config -d 'Configuration file' -r -F
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from enable_events" -l workdir -d 'Change to this directory first' -r -F
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from enable_events" -l set -d 'Set any setting; repeatable' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from enable_events" -l connect-timeout -d 'Longest time to connect and shake hands, in seconds [default: 4]' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from enable_events" -l format -d 'Form of the answer' -r -f -a "auto\t'Tables on a terminal, else Celery\'s text'
table\t'Tables for people'
classic\t'Celery\'s own text, for scripts that read it'
json\t'One JSON document'"
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from enable_events" -l color -d 'When to use colour' -r -f -a "auto\t'On a terminal, unless the environment says otherwise'
always\t'Into pipes and files as well'
never\t'Not at all'"
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from enable_events" -l loader -d 'Accepted for Celery\'s sake, without effect' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from enable_events" -l no-config -d 'Read no configuration file'
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from enable_events" -s j -l json -d 'Answer with one JSON document'
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from enable_events" -s C -l no-color -d 'No colour, as with a non-empty NO_COLOR'
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from enable_events" -s q -l quiet -d 'Print answers and errors only'
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from enable_events" -s v -l verbose -d 'Say more on stderr; twice for debugging'
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from enable_events" -l skip-checks -d 'Accepted for Celery\'s sake, without effect'
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from enable_events" -l detached -d 'Set in the process that `--detach` starts'
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from enable_events" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from heartbeat" -s t -l timeout -d 'Longest time to wait for replies, in seconds' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from heartbeat" -s d -l destination -d 'Comma separated list of node names to ask' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from heartbeat" -s A -l app -d 'Python Celery app or configuration file (*.toml) to use' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from heartbeat" -s b -l broker -d 'Broker URL' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from heartbeat" -l result-backend -d 'Result back end URL' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from heartbeat" -l config -d 'Configuration file' -r -F
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from heartbeat" -l workdir -d 'Change to this directory first' -r -F
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from heartbeat" -l set -d 'Set any setting; repeatable' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from heartbeat" -l connect-timeout -d 'Longest time to connect and shake hands, in seconds [default: 4]' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from heartbeat" -l format -d 'Form of the answer' -r -f -a "auto\t'Tables on a terminal, else Celery\'s text'
table\t'Tables for people'
classic\t'Celery\'s own text, for scripts that read it'
json\t'One JSON document'"
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from heartbeat" -l color -d 'When to use colour' -r -f -a "auto\t'On a terminal, unless the environment says otherwise'
always\t'Into pipes and files as well'
never\t'Not at all'"
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from heartbeat" -l loader -d 'Accepted for Celery\'s sake, without effect' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from heartbeat" -l no-config -d 'Read no configuration file'
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from heartbeat" -s j -l json -d 'Answer with one JSON document'
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from heartbeat" -s C -l no-color -d 'No colour, as with a non-empty NO_COLOR'
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from heartbeat" -s q -l quiet -d 'Print answers and errors only'
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from heartbeat" -s v -l verbose -d 'Say more on stderr; twice for debugging'
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from heartbeat" -l skip-checks -d 'Accepted for Celery\'s sake, without effect'
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from heartbeat" -l detached -d 'Set in the process that `--detach` starts'
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from heartbeat" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from pool_grow" -s t -l timeout -d 'Longest time to wait for replies, in seconds' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from pool_grow" -s d -l destination -d 'Comma separated list of node names to ask' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from pool_grow" -s A -l app -d 'Python Celery app or configuration file (*.toml) to use' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from pool_grow" -s b -l broker -d 'Broker URL' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from pool_grow" -l result-backend -d 'Result back end URL' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from pool_grow" -l config -d 'Configuration file' -r -F
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from pool_grow" -l workdir -d 'Change to this directory first' -r -F
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from pool_grow" -l set -d 'Set any setting; repeatable' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from pool_grow" -l connect-timeout -d 'Longest time to connect and shake hands, in seconds [default: 4]' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from pool_grow" -l format -d 'Form of the answer' -r -f -a "auto\t'Tables on a terminal, else Celery\'s text'
table\t'Tables for people'
classic\t'Celery\'s own text, for scripts that read it'
json\t'One JSON document'"
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from pool_grow" -l color -d 'When to use colour' -r -f -a "auto\t'On a terminal, unless the environment says otherwise'
always\t'Into pipes and files as well'
never\t'Not at all'"
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from pool_grow" -l loader -d 'Accepted for Celery\'s sake, without effect' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from pool_grow" -l no-config -d 'Read no configuration file'
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from pool_grow" -s j -l json -d 'Answer with one JSON document'
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from pool_grow" -s C -l no-color -d 'No colour, as with a non-empty NO_COLOR'
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from pool_grow" -s q -l quiet -d 'Print answers and errors only'
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from pool_grow" -s v -l verbose -d 'Say more on stderr; twice for debugging'
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from pool_grow" -l skip-checks -d 'Accepted for Celery\'s sake, without effect'
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from pool_grow" -l detached -d 'Set in the process that `--detach` starts'
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from pool_grow" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from pool_restart" -s t -l timeout -d 'Longest time to wait for replies, in seconds' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from pool_restart" -s d -l destination -d 'Comma separated list of node names to ask' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from pool_restart" -s A -l app -d 'Python Celery app or configuration file (*.toml) to use' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from pool_restart" -s b -l broker -d 'Broker URL' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from pool_restart" -l result-backend -d 'Result back end URL' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from pool_restart" -l config -d 'Configuration file' -r -F
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from pool_restart" -l workdir -d 'Change to this directory first' -r -F
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from pool_restart" -l set -d 'Set any setting; repeatable' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from pool_restart" -l connect-timeout -d 'Longest time to connect and shake hands, in seconds [default: 4]' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from pool_restart" -l format -d 'Form of the answer' -r -f -a "auto\t'Tables on a terminal, else Celery\'s text'
table\t'Tables for people'
classic\t'Celery\'s own text, for scripts that read it'
json\t'One JSON document'"
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from pool_restart" -l color -d 'When to use colour' -r -f -a "auto\t'On a terminal, unless the environment says otherwise'
always\t'Into pipes and files as well'
never\t'Not at all'"
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from pool_restart" -l loader -d 'Accepted for Celery\'s sake, without effect' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from pool_restart" -l no-config -d 'Read no configuration file'
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from pool_restart" -s j -l json -d 'Answer with one JSON document'
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from pool_restart" -s C -l no-color -d 'No colour, as with a non-empty NO_COLOR'
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from pool_restart" -s q -l quiet -d 'Print answers and errors only'
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from pool_restart" -s v -l verbose -d 'Say more on stderr; twice for debugging'
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from pool_restart" -l skip-checks -d 'Accepted for Celery\'s sake, without effect'
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from pool_restart" -l detached -d 'Set in the process that `--detach` starts'
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from pool_restart" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from pool_shrink" -s t -l timeout -d 'Longest time to wait for replies, in seconds' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from pool_shrink" -s d -l destination -d 'Comma separated list of node names to ask' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from pool_shrink" -s A -l app -d 'Python Celery app or configuration file (*.toml) to use' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from pool_shrink" -s b -l broker -d 'Broker URL' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from pool_shrink" -l result-backend -d 'Result back end URL' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from pool_shrink" -l config -d 'Configuration file' -r -F
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from pool_shrink" -l workdir -d 'Change to this directory first' -r -F
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from pool_shrink" -l set -d 'Set any setting; repeatable' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from pool_shrink" -l connect-timeout -d 'Longest time to connect and shake hands, in seconds [default: 4]' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from pool_shrink" -l format -d 'Form of the answer' -r -f -a "auto\t'Tables on a terminal, else Celery\'s text'
table\t'Tables for people'
classic\t'Celery\'s own text, for scripts that read it'
json\t'One JSON document'"
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from pool_shrink" -l color -d 'When to use colour' -r -f -a "auto\t'On a terminal, unless the environment says otherwise'
always\t'Into pipes and files as well'
never\t'Not at all'"
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from pool_shrink" -l loader -d 'Accepted for Celery\'s sake, without effect' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from pool_shrink" -l no-config -d 'Read no configuration file'
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from pool_shrink" -s j -l json -d 'Answer with one JSON document'
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from pool_shrink" -s C -l no-color -d 'No colour, as with a non-empty NO_COLOR'
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from pool_shrink" -s q -l quiet -d 'Print answers and errors only'
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from pool_shrink" -s v -l verbose -d 'Say more on stderr; twice for debugging'
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from pool_shrink" -l skip-checks -d 'Accepted for Celery\'s sake, without effect'
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from pool_shrink" -l detached -d 'Set in the process that `--detach` starts'
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from pool_shrink" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from rate_limit" -s t -l timeout -d 'Longest time to wait for replies, in seconds' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from rate_limit" -s d -l destination -d 'Comma separated list of node names to ask' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from rate_limit" -s A -l app -d 'Python Celery app or configuration file (*.toml) to use' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from rate_limit" -s b -l broker -d 'Broker URL' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from rate_limit" -l result-backend -d 'Result back end URL' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from rate_limit" -l config -d 'Configuration file' -r -F
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from rate_limit" -l workdir -d 'Change to this directory first' -r -F
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from rate_limit" -l set -d 'Set any setting; repeatable' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from rate_limit" -l connect-timeout -d 'Longest time to connect and shake hands, in seconds [default: 4]' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from rate_limit" -l format -d 'Form of the answer' -r -f -a "auto\t'Tables on a terminal, else Celery\'s text'
table\t'Tables for people'
classic\t'Celery\'s own text, for scripts that read it'
json\t'One JSON document'"
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from rate_limit" -l color -d 'When to use colour' -r -f -a "auto\t'On a terminal, unless the environment says otherwise'
always\t'Into pipes and files as well'
never\t'Not at all'"
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from rate_limit" -l loader -d 'Accepted for Celery\'s sake, without effect' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from rate_limit" -l no-config -d 'Read no configuration file'
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from rate_limit" -s j -l json -d 'Answer with one JSON document'
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from rate_limit" -s C -l no-color -d 'No colour, as with a non-empty NO_COLOR'
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from rate_limit" -s q -l quiet -d 'Print answers and errors only'
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from rate_limit" -s v -l verbose -d 'Say more on stderr; twice for debugging'
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from rate_limit" -l skip-checks -d 'Accepted for Celery\'s sake, without effect'
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from rate_limit" -l detached -d 'Set in the process that `--detach` starts'
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from rate_limit" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from revoke" -l signal -d 'Signal to end it with [default: SIGTERM]' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from revoke" -s t -l timeout -d 'Longest time to wait for replies, in seconds' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from revoke" -s d -l destination -d 'Comma separated list of node names to ask' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from revoke" -s A -l app -d 'Python Celery app or configuration file (*.toml) to use' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from revoke" -s b -l broker -d 'Broker URL' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from revoke" -l result-backend -d 'Result back end URL' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from revoke" -l config -d 'Configuration file' -r -F
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from revoke" -l workdir -d 'Change to this directory first' -r -F
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from revoke" -l set -d 'Set any setting; repeatable' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from revoke" -l connect-timeout -d 'Longest time to connect and shake hands, in seconds [default: 4]' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from revoke" -l format -d 'Form of the answer' -r -f -a "auto\t'Tables on a terminal, else Celery\'s text'
table\t'Tables for people'
classic\t'Celery\'s own text, for scripts that read it'
json\t'One JSON document'"
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from revoke" -l color -d 'When to use colour' -r -f -a "auto\t'On a terminal, unless the environment says otherwise'
always\t'Into pipes and files as well'
never\t'Not at all'"
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from revoke" -l loader -d 'Accepted for Celery\'s sake, without effect' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from revoke" -l terminate -d 'End what runs already'
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from revoke" -l no-config -d 'Read no configuration file'
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from revoke" -s j -l json -d 'Answer with one JSON document'
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from revoke" -s C -l no-color -d 'No colour, as with a non-empty NO_COLOR'
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from revoke" -s q -l quiet -d 'Print answers and errors only'
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from revoke" -s v -l verbose -d 'Say more on stderr; twice for debugging'
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from revoke" -l skip-checks -d 'Accepted for Celery\'s sake, without effect'
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from revoke" -l detached -d 'Set in the process that `--detach` starts'
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from revoke" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from revoke_by_stamped_headers" -l signal -d 'Signal to end it with [default: SIGTERM]' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from revoke_by_stamped_headers" -s t -l timeout -d 'Longest time to wait for replies, in seconds' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from revoke_by_stamped_headers" -s d -l destination -d 'Comma separated list of node names to ask' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from revoke_by_stamped_headers" -s A -l app -d 'Python Celery app or configuration file (*.toml) to use' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from revoke_by_stamped_headers" -s b -l broker -d 'Broker URL' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from revoke_by_stamped_headers" -l result-backend -d 'Result back end URL' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from revoke_by_stamped_headers" -l config -d 'Configuration file' -r -F
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from revoke_by_stamped_headers" -l workdir -d 'Change to this directory first' -r -F
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from revoke_by_stamped_headers" -l set -d 'Set any setting; repeatable' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from revoke_by_stamped_headers" -l connect-timeout -d 'Longest time to connect and shake hands, in seconds [default: 4]' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from revoke_by_stamped_headers" -l format -d 'Form of the answer' -r -f -a "auto\t'Tables on a terminal, else Celery\'s text'
table\t'Tables for people'
classic\t'Celery\'s own text, for scripts that read it'
json\t'One JSON document'"
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from revoke_by_stamped_headers" -l color -d 'When to use colour' -r -f -a "auto\t'On a terminal, unless the environment says otherwise'
always\t'Into pipes and files as well'
never\t'Not at all'"
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from revoke_by_stamped_headers" -l loader -d 'Accepted for Celery\'s sake, without effect' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from revoke_by_stamped_headers" -l terminate -d 'End what runs already'
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from revoke_by_stamped_headers" -l no-config -d 'Read no configuration file'
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from revoke_by_stamped_headers" -s j -l json -d 'Answer with one JSON document'
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from revoke_by_stamped_headers" -s C -l no-color -d 'No colour, as with a non-empty NO_COLOR'
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from revoke_by_stamped_headers" -s q -l quiet -d 'Print answers and errors only'
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from revoke_by_stamped_headers" -s v -l verbose -d 'Say more on stderr; twice for debugging'
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from revoke_by_stamped_headers" -l skip-checks -d 'Accepted for Celery\'s sake, without effect'
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from revoke_by_stamped_headers" -l detached -d 'Set in the process that `--detach` starts'
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from revoke_by_stamped_headers" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from terminate" -s t -l timeout -d 'Longest time to wait for replies, in seconds' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from terminate" -s d -l destination -d 'Comma separated list of node names to ask' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from terminate" -s A -l app -d 'Python Celery app or configuration file (*.toml) to use' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from terminate" -s b -l broker -d 'Broker URL' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from terminate" -l result-backend -d 'Result back end URL' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from terminate" -l config -d 'Configuration file' -r -F
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from terminate" -l workdir -d 'Change to this directory first' -r -F
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from terminate" -l set -d 'Set any setting; repeatable' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from terminate" -l connect-timeout -d 'Longest time to connect and shake hands, in seconds [default: 4]' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from terminate" -l format -d 'Form of the answer' -r -f -a "auto\t'Tables on a terminal, else Celery\'s text'
table\t'Tables for people'
classic\t'Celery\'s own text, for scripts that read it'
json\t'One JSON document'"
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from terminate" -l color -d 'When to use colour' -r -f -a "auto\t'On a terminal, unless the environment says otherwise'
always\t'Into pipes and files as well'
never\t'Not at all'"
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from terminate" -l loader -d 'Accepted for Celery\'s sake, without effect' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from terminate" -l no-config -d 'Read no configuration file'
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from terminate" -s j -l json -d 'Answer with one JSON document'
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from terminate" -s C -l no-color -d 'No colour, as with a non-empty NO_COLOR'
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from terminate" -s q -l quiet -d 'Print answers and errors only'
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from terminate" -s v -l verbose -d 'Say more on stderr; twice for debugging'
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from terminate" -l skip-checks -d 'Accepted for Celery\'s sake, without effect'
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from terminate" -l detached -d 'Set in the process that `--detach` starts'
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from terminate" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from time_limit" -s t -l timeout -d 'Longest time to wait for replies, in seconds' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from time_limit" -s d -l destination -d 'Comma separated list of node names to ask' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from time_limit" -s A -l app -d 'Python Celery app or configuration file (*.toml) to use' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from time_limit" -s b -l broker -d 'Broker URL' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from time_limit" -l result-backend -d 'Result back end URL' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from time_limit" -l config -d 'Configuration file' -r -F
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from time_limit" -l workdir -d 'Change to this directory first' -r -F
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from time_limit" -l set -d 'Set any setting; repeatable' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from time_limit" -l connect-timeout -d 'Longest time to connect and shake hands, in seconds [default: 4]' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from time_limit" -l format -d 'Form of the answer' -r -f -a "auto\t'Tables on a terminal, else Celery\'s text'
table\t'Tables for people'
classic\t'Celery\'s own text, for scripts that read it'
json\t'One JSON document'"
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from time_limit" -l color -d 'When to use colour' -r -f -a "auto\t'On a terminal, unless the environment says otherwise'
always\t'Into pipes and files as well'
never\t'Not at all'"
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from time_limit" -l loader -d 'Accepted for Celery\'s sake, without effect' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from time_limit" -l no-config -d 'Read no configuration file'
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from time_limit" -s j -l json -d 'Answer with one JSON document'
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from time_limit" -s C -l no-color -d 'No colour, as with a non-empty NO_COLOR'
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from time_limit" -s q -l quiet -d 'Print answers and errors only'
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from time_limit" -s v -l verbose -d 'Say more on stderr; twice for debugging'
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from time_limit" -l skip-checks -d 'Accepted for Celery\'s sake, without effect'
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from time_limit" -l detached -d 'Set in the process that `--detach` starts'
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from time_limit" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from shutdown" -l wait -d 'Wait until they answer no more, or this long' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from shutdown" -s t -l timeout -d 'Longest time to wait for replies, in seconds' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from shutdown" -s d -l destination -d 'Comma separated list of node names to ask' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from shutdown" -s A -l app -d 'Python Celery app or configuration file (*.toml) to use' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from shutdown" -s b -l broker -d 'Broker URL' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from shutdown" -l result-backend -d 'Result back end URL' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from shutdown" -l config -d 'Configuration file' -r -F
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from shutdown" -l workdir -d 'Change to this directory first' -r -F
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from shutdown" -l set -d 'Set any setting; repeatable' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from shutdown" -l connect-timeout -d 'Longest time to connect and shake hands, in seconds [default: 4]' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from shutdown" -l format -d 'Form of the answer' -r -f -a "auto\t'Tables on a terminal, else Celery\'s text'
table\t'Tables for people'
classic\t'Celery\'s own text, for scripts that read it'
json\t'One JSON document'"
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from shutdown" -l color -d 'When to use colour' -r -f -a "auto\t'On a terminal, unless the environment says otherwise'
always\t'Into pipes and files as well'
never\t'Not at all'"
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from shutdown" -l loader -d 'Accepted for Celery\'s sake, without effect' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from shutdown" -l no-config -d 'Read no configuration file'
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from shutdown" -s j -l json -d 'Answer with one JSON document'
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from shutdown" -s C -l no-color -d 'No colour, as with a non-empty NO_COLOR'
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from shutdown" -s q -l quiet -d 'Print answers and errors only'
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from shutdown" -s v -l verbose -d 'Say more on stderr; twice for debugging'
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from shutdown" -l skip-checks -d 'Accepted for Celery\'s sake, without effect'
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from shutdown" -l detached -d 'Set in the process that `--detach` starts'
complete -c rcelery -n "__fish_rcelery_using_subcommand control; and __fish_seen_subcommand_from shutdown" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c rcelery -n "__fish_rcelery_using_subcommand purge" -s Q -l queues -d 'Comma separated list of queues to purge [default: all known]' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand purge" -s X -l exclude-queues -d 'Comma separated list of queues to leave alone' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand purge" -s A -l app -d 'Python Celery app or configuration file (*.toml) to use' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand purge" -s b -l broker -d 'Broker URL' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand purge" -l result-backend -d 'Result back end URL' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand purge" -l config -d 'Configuration file' -r -F
complete -c rcelery -n "__fish_rcelery_using_subcommand purge" -l workdir -d 'Change to this directory first' -r -F
complete -c rcelery -n "__fish_rcelery_using_subcommand purge" -l set -d 'Set any setting; repeatable' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand purge" -l connect-timeout -d 'Longest time to connect and shake hands, in seconds [default: 4]' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand purge" -l format -d 'Form of the answer' -r -f -a "auto\t'Tables on a terminal, else Celery\'s text'
table\t'Tables for people'
classic\t'Celery\'s own text, for scripts that read it'
json\t'One JSON document'"
complete -c rcelery -n "__fish_rcelery_using_subcommand purge" -l color -d 'When to use colour' -r -f -a "auto\t'On a terminal, unless the environment says otherwise'
always\t'Into pipes and files as well'
never\t'Not at all'"
complete -c rcelery -n "__fish_rcelery_using_subcommand purge" -l loader -d 'Accepted for Celery\'s sake, without effect' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand purge" -s f -s y -l force -l yes -d 'Don\'t ask'
complete -c rcelery -n "__fish_rcelery_using_subcommand purge" -l all -d 'All queues that the broker knows, not just those of the configuration'
complete -c rcelery -n "__fish_rcelery_using_subcommand purge" -l dry-run -d 'Count the messages and leave them'
complete -c rcelery -n "__fish_rcelery_using_subcommand purge" -l no-config -d 'Read no configuration file'
complete -c rcelery -n "__fish_rcelery_using_subcommand purge" -s j -l json -d 'Answer with one JSON document'
complete -c rcelery -n "__fish_rcelery_using_subcommand purge" -s C -l no-color -d 'No colour, as with a non-empty NO_COLOR'
complete -c rcelery -n "__fish_rcelery_using_subcommand purge" -s q -l quiet -d 'Print answers and errors only'
complete -c rcelery -n "__fish_rcelery_using_subcommand purge" -s v -l verbose -d 'Say more on stderr; twice for debugging'
complete -c rcelery -n "__fish_rcelery_using_subcommand purge" -l skip-checks -d 'Accepted for Celery\'s sake, without effect'
complete -c rcelery -n "__fish_rcelery_using_subcommand purge" -l detached -d 'Set in the process that `--detach` starts'
complete -c rcelery -n "__fish_rcelery_using_subcommand purge" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c rcelery -n "__fish_rcelery_using_subcommand config; and not __fish_seen_subcommand_from show path check import" -s A -l app -d 'Python Celery app or configuration file (*.toml) to use' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand config; and not __fish_seen_subcommand_from show path check import" -s b -l broker -d 'Broker URL' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand config; and not __fish_seen_subcommand_from show path check import" -l result-backend -d 'Result back end URL' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand config; and not __fish_seen_subcommand_from show path check import" -l config -d 'Configuration file' -r -F
complete -c rcelery -n "__fish_rcelery_using_subcommand config; and not __fish_seen_subcommand_from show path check import" -l workdir -d 'Change to this directory first' -r -F
complete -c rcelery -n "__fish_rcelery_using_subcommand config; and not __fish_seen_subcommand_from show path check import" -l set -d 'Set any setting; repeatable' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand config; and not __fish_seen_subcommand_from show path check import" -l connect-timeout -d 'Longest time to connect and shake hands, in seconds [default: 4]' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand config; and not __fish_seen_subcommand_from show path check import" -l format -d 'Form of the answer' -r -f -a "auto\t'Tables on a terminal, else Celery\'s text'
table\t'Tables for people'
classic\t'Celery\'s own text, for scripts that read it'
json\t'One JSON document'"
complete -c rcelery -n "__fish_rcelery_using_subcommand config; and not __fish_seen_subcommand_from show path check import" -l color -d 'When to use colour' -r -f -a "auto\t'On a terminal, unless the environment says otherwise'
always\t'Into pipes and files as well'
never\t'Not at all'"
complete -c rcelery -n "__fish_rcelery_using_subcommand config; and not __fish_seen_subcommand_from show path check import" -l loader -d 'Accepted for Celery\'s sake, without effect' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand config; and not __fish_seen_subcommand_from show path check import" -l no-config -d 'Read no configuration file'
complete -c rcelery -n "__fish_rcelery_using_subcommand config; and not __fish_seen_subcommand_from show path check import" -s j -l json -d 'Answer with one JSON document'
complete -c rcelery -n "__fish_rcelery_using_subcommand config; and not __fish_seen_subcommand_from show path check import" -s C -l no-color -d 'No colour, as with a non-empty NO_COLOR'
complete -c rcelery -n "__fish_rcelery_using_subcommand config; and not __fish_seen_subcommand_from show path check import" -s q -l quiet -d 'Print answers and errors only'
complete -c rcelery -n "__fish_rcelery_using_subcommand config; and not __fish_seen_subcommand_from show path check import" -s v -l verbose -d 'Say more on stderr; twice for debugging'
complete -c rcelery -n "__fish_rcelery_using_subcommand config; and not __fish_seen_subcommand_from show path check import" -l skip-checks -d 'Accepted for Celery\'s sake, without effect'
complete -c rcelery -n "__fish_rcelery_using_subcommand config; and not __fish_seen_subcommand_from show path check import" -l detached -d 'Set in the process that `--detach` starts'
complete -c rcelery -n "__fish_rcelery_using_subcommand config; and not __fish_seen_subcommand_from show path check import" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c rcelery -n "__fish_rcelery_using_subcommand config; and not __fish_seen_subcommand_from show path check import" -f -a "show" -d 'Show the settings, each with where it comes from'
complete -c rcelery -n "__fish_rcelery_using_subcommand config; and not __fish_seen_subcommand_from show path check import" -f -a "path" -d 'Say which configuration file is read, and which others are looked for'
complete -c rcelery -n "__fish_rcelery_using_subcommand config; and not __fish_seen_subcommand_from show path check import" -f -a "check" -d 'Check the configuration, without connecting to anything'
complete -c rcelery -n "__fish_rcelery_using_subcommand config; and not __fish_seen_subcommand_from show path check import" -f -a "import" -d 'Write rcelery.toml from a Celery configuration'
complete -c rcelery -n "__fish_rcelery_using_subcommand config; and __fish_seen_subcommand_from show" -s A -l app -d 'Python Celery app or configuration file (*.toml) to use' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand config; and __fish_seen_subcommand_from show" -s b -l broker -d 'Broker URL' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand config; and __fish_seen_subcommand_from show" -l result-backend -d 'Result back end URL' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand config; and __fish_seen_subcommand_from show" -l config -d 'Configuration file' -r -F
complete -c rcelery -n "__fish_rcelery_using_subcommand config; and __fish_seen_subcommand_from show" -l workdir -d 'Change to this directory first' -r -F
complete -c rcelery -n "__fish_rcelery_using_subcommand config; and __fish_seen_subcommand_from show" -l set -d 'Set any setting; repeatable' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand config; and __fish_seen_subcommand_from show" -l connect-timeout -d 'Longest time to connect and shake hands, in seconds [default: 4]' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand config; and __fish_seen_subcommand_from show" -l format -d 'Form of the answer' -r -f -a "auto\t'Tables on a terminal, else Celery\'s text'
table\t'Tables for people'
classic\t'Celery\'s own text, for scripts that read it'
json\t'One JSON document'"
complete -c rcelery -n "__fish_rcelery_using_subcommand config; and __fish_seen_subcommand_from show" -l color -d 'When to use colour' -r -f -a "auto\t'On a terminal, unless the environment says otherwise'
always\t'Into pipes and files as well'
never\t'Not at all'"
complete -c rcelery -n "__fish_rcelery_using_subcommand config; and __fish_seen_subcommand_from show" -l loader -d 'Accepted for Celery\'s sake, without effect' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand config; and __fish_seen_subcommand_from show" -s a -l all -d 'Show the defaults as well'
complete -c rcelery -n "__fish_rcelery_using_subcommand config; and __fish_seen_subcommand_from show" -l no-config -d 'Read no configuration file'
complete -c rcelery -n "__fish_rcelery_using_subcommand config; and __fish_seen_subcommand_from show" -s j -l json -d 'Answer with one JSON document'
complete -c rcelery -n "__fish_rcelery_using_subcommand config; and __fish_seen_subcommand_from show" -s C -l no-color -d 'No colour, as with a non-empty NO_COLOR'
complete -c rcelery -n "__fish_rcelery_using_subcommand config; and __fish_seen_subcommand_from show" -s q -l quiet -d 'Print answers and errors only'
complete -c rcelery -n "__fish_rcelery_using_subcommand config; and __fish_seen_subcommand_from show" -s v -l verbose -d 'Say more on stderr; twice for debugging'
complete -c rcelery -n "__fish_rcelery_using_subcommand config; and __fish_seen_subcommand_from show" -l skip-checks -d 'Accepted for Celery\'s sake, without effect'
complete -c rcelery -n "__fish_rcelery_using_subcommand config; and __fish_seen_subcommand_from show" -l detached -d 'Set in the process that `--detach` starts'
complete -c rcelery -n "__fish_rcelery_using_subcommand config; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c rcelery -n "__fish_rcelery_using_subcommand config; and __fish_seen_subcommand_from path" -s A -l app -d 'Python Celery app or configuration file (*.toml) to use' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand config; and __fish_seen_subcommand_from path" -s b -l broker -d 'Broker URL' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand config; and __fish_seen_subcommand_from path" -l result-backend -d 'Result back end URL' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand config; and __fish_seen_subcommand_from path" -l config -d 'Configuration file' -r -F
complete -c rcelery -n "__fish_rcelery_using_subcommand config; and __fish_seen_subcommand_from path" -l workdir -d 'Change to this directory first' -r -F
complete -c rcelery -n "__fish_rcelery_using_subcommand config; and __fish_seen_subcommand_from path" -l set -d 'Set any setting; repeatable' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand config; and __fish_seen_subcommand_from path" -l connect-timeout -d 'Longest time to connect and shake hands, in seconds [default: 4]' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand config; and __fish_seen_subcommand_from path" -l format -d 'Form of the answer' -r -f -a "auto\t'Tables on a terminal, else Celery\'s text'
table\t'Tables for people'
classic\t'Celery\'s own text, for scripts that read it'
json\t'One JSON document'"
complete -c rcelery -n "__fish_rcelery_using_subcommand config; and __fish_seen_subcommand_from path" -l color -d 'When to use colour' -r -f -a "auto\t'On a terminal, unless the environment says otherwise'
always\t'Into pipes and files as well'
never\t'Not at all'"
complete -c rcelery -n "__fish_rcelery_using_subcommand config; and __fish_seen_subcommand_from path" -l loader -d 'Accepted for Celery\'s sake, without effect' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand config; and __fish_seen_subcommand_from path" -l no-config -d 'Read no configuration file'
complete -c rcelery -n "__fish_rcelery_using_subcommand config; and __fish_seen_subcommand_from path" -s j -l json -d 'Answer with one JSON document'
complete -c rcelery -n "__fish_rcelery_using_subcommand config; and __fish_seen_subcommand_from path" -s C -l no-color -d 'No colour, as with a non-empty NO_COLOR'
complete -c rcelery -n "__fish_rcelery_using_subcommand config; and __fish_seen_subcommand_from path" -s q -l quiet -d 'Print answers and errors only'
complete -c rcelery -n "__fish_rcelery_using_subcommand config; and __fish_seen_subcommand_from path" -s v -l verbose -d 'Say more on stderr; twice for debugging'
complete -c rcelery -n "__fish_rcelery_using_subcommand config; and __fish_seen_subcommand_from path" -l skip-checks -d 'Accepted for Celery\'s sake, without effect'
complete -c rcelery -n "__fish_rcelery_using_subcommand config; and __fish_seen_subcommand_from path" -l detached -d 'Set in the process that `--detach` starts'
complete -c rcelery -n "__fish_rcelery_using_subcommand config; and __fish_seen_subcommand_from path" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c rcelery -n "__fish_rcelery_using_subcommand config; and __fish_seen_subcommand_from check" -s A -l app -d 'Python Celery app or configuration file (*.toml) to use' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand config; and __fish_seen_subcommand_from check" -s b -l broker -d 'Broker URL' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand config; and __fish_seen_subcommand_from check" -l result-backend -d 'Result back end URL' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand config; and __fish_seen_subcommand_from check" -l config -d 'Configuration file' -r -F
complete -c rcelery -n "__fish_rcelery_using_subcommand config; and __fish_seen_subcommand_from check" -l workdir -d 'Change to this directory first' -r -F
complete -c rcelery -n "__fish_rcelery_using_subcommand config; and __fish_seen_subcommand_from check" -l set -d 'Set any setting; repeatable' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand config; and __fish_seen_subcommand_from check" -l connect-timeout -d 'Longest time to connect and shake hands, in seconds [default: 4]' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand config; and __fish_seen_subcommand_from check" -l format -d 'Form of the answer' -r -f -a "auto\t'Tables on a terminal, else Celery\'s text'
table\t'Tables for people'
classic\t'Celery\'s own text, for scripts that read it'
json\t'One JSON document'"
complete -c rcelery -n "__fish_rcelery_using_subcommand config; and __fish_seen_subcommand_from check" -l color -d 'When to use colour' -r -f -a "auto\t'On a terminal, unless the environment says otherwise'
always\t'Into pipes and files as well'
never\t'Not at all'"
complete -c rcelery -n "__fish_rcelery_using_subcommand config; and __fish_seen_subcommand_from check" -l loader -d 'Accepted for Celery\'s sake, without effect' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand config; and __fish_seen_subcommand_from check" -l no-config -d 'Read no configuration file'
complete -c rcelery -n "__fish_rcelery_using_subcommand config; and __fish_seen_subcommand_from check" -s j -l json -d 'Answer with one JSON document'
complete -c rcelery -n "__fish_rcelery_using_subcommand config; and __fish_seen_subcommand_from check" -s C -l no-color -d 'No colour, as with a non-empty NO_COLOR'
complete -c rcelery -n "__fish_rcelery_using_subcommand config; and __fish_seen_subcommand_from check" -s q -l quiet -d 'Print answers and errors only'
complete -c rcelery -n "__fish_rcelery_using_subcommand config; and __fish_seen_subcommand_from check" -s v -l verbose -d 'Say more on stderr; twice for debugging'
complete -c rcelery -n "__fish_rcelery_using_subcommand config; and __fish_seen_subcommand_from check" -l skip-checks -d 'Accepted for Celery\'s sake, without effect'
complete -c rcelery -n "__fish_rcelery_using_subcommand config; and __fish_seen_subcommand_from check" -l detached -d 'Set in the process that `--detach` starts'
complete -c rcelery -n "__fish_rcelery_using_subcommand config; and __fish_seen_subcommand_from check" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c rcelery -n "__fish_rcelery_using_subcommand config; and __fish_seen_subcommand_from import" -s o -l output -d 'File to write; `-` writes to stdout' -r -F
complete -c rcelery -n "__fish_rcelery_using_subcommand config; and __fish_seen_subcommand_from import" -l python -d 'The Python to run' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand config; and __fish_seen_subcommand_from import" -l timeout -d 'How long Python may take' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand config; and __fish_seen_subcommand_from import" -s A -l app -d 'Python Celery app or configuration file (*.toml) to use' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand config; and __fish_seen_subcommand_from import" -s b -l broker -d 'Broker URL' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand config; and __fish_seen_subcommand_from import" -l result-backend -d 'Result back end URL' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand config; and __fish_seen_subcommand_from import" -l config -d 'Configuration file' -r -F
complete -c rcelery -n "__fish_rcelery_using_subcommand config; and __fish_seen_subcommand_from import" -l workdir -d 'Change to this directory first' -r -F
complete -c rcelery -n "__fish_rcelery_using_subcommand config; and __fish_seen_subcommand_from import" -l set -d 'Set any setting; repeatable' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand config; and __fish_seen_subcommand_from import" -l connect-timeout -d 'Longest time to connect and shake hands, in seconds [default: 4]' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand config; and __fish_seen_subcommand_from import" -l format -d 'Form of the answer' -r -f -a "auto\t'Tables on a terminal, else Celery\'s text'
table\t'Tables for people'
classic\t'Celery\'s own text, for scripts that read it'
json\t'One JSON document'"
complete -c rcelery -n "__fish_rcelery_using_subcommand config; and __fish_seen_subcommand_from import" -l color -d 'When to use colour' -r -f -a "auto\t'On a terminal, unless the environment says otherwise'
always\t'Into pipes and files as well'
never\t'Not at all'"
complete -c rcelery -n "__fish_rcelery_using_subcommand config; and __fish_seen_subcommand_from import" -l loader -d 'Accepted for Celery\'s sake, without effect' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand config; and __fish_seen_subcommand_from import" -s f -l force -d 'Overwrite the file'
complete -c rcelery -n "__fish_rcelery_using_subcommand config; and __fish_seen_subcommand_from import" -l no-python -d 'Run no Python: read plain assignments'
complete -c rcelery -n "__fish_rcelery_using_subcommand config; and __fish_seen_subcommand_from import" -l no-config -d 'Read no configuration file'
complete -c rcelery -n "__fish_rcelery_using_subcommand config; and __fish_seen_subcommand_from import" -s j -l json -d 'Answer with one JSON document'
complete -c rcelery -n "__fish_rcelery_using_subcommand config; and __fish_seen_subcommand_from import" -s C -l no-color -d 'No colour, as with a non-empty NO_COLOR'
complete -c rcelery -n "__fish_rcelery_using_subcommand config; and __fish_seen_subcommand_from import" -s q -l quiet -d 'Print answers and errors only'
complete -c rcelery -n "__fish_rcelery_using_subcommand config; and __fish_seen_subcommand_from import" -s v -l verbose -d 'Say more on stderr; twice for debugging'
complete -c rcelery -n "__fish_rcelery_using_subcommand config; and __fish_seen_subcommand_from import" -l skip-checks -d 'Accepted for Celery\'s sake, without effect'
complete -c rcelery -n "__fish_rcelery_using_subcommand config; and __fish_seen_subcommand_from import" -l detached -d 'Set in the process that `--detach` starts'
complete -c rcelery -n "__fish_rcelery_using_subcommand config; and __fish_seen_subcommand_from import" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c rcelery -n "__fish_rcelery_using_subcommand completions" -s A -l app -d 'Python Celery app or configuration file (*.toml) to use' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand completions" -s b -l broker -d 'Broker URL' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand completions" -l result-backend -d 'Result back end URL' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand completions" -l config -d 'Configuration file' -r -F
complete -c rcelery -n "__fish_rcelery_using_subcommand completions" -l workdir -d 'Change to this directory first' -r -F
complete -c rcelery -n "__fish_rcelery_using_subcommand completions" -l set -d 'Set any setting; repeatable' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand completions" -l connect-timeout -d 'Longest time to connect and shake hands, in seconds [default: 4]' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand completions" -l format -d 'Form of the answer' -r -f -a "auto\t'Tables on a terminal, else Celery\'s text'
table\t'Tables for people'
classic\t'Celery\'s own text, for scripts that read it'
json\t'One JSON document'"
complete -c rcelery -n "__fish_rcelery_using_subcommand completions" -l color -d 'When to use colour' -r -f -a "auto\t'On a terminal, unless the environment says otherwise'
always\t'Into pipes and files as well'
never\t'Not at all'"
complete -c rcelery -n "__fish_rcelery_using_subcommand completions" -l loader -d 'Accepted for Celery\'s sake, without effect' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand completions" -l no-config -d 'Read no configuration file'
complete -c rcelery -n "__fish_rcelery_using_subcommand completions" -s j -l json -d 'Answer with one JSON document'
complete -c rcelery -n "__fish_rcelery_using_subcommand completions" -s C -l no-color -d 'No colour, as with a non-empty NO_COLOR'
complete -c rcelery -n "__fish_rcelery_using_subcommand completions" -s q -l quiet -d 'Print answers and errors only'
complete -c rcelery -n "__fish_rcelery_using_subcommand completions" -s v -l verbose -d 'Say more on stderr; twice for debugging'
complete -c rcelery -n "__fish_rcelery_using_subcommand completions" -l skip-checks -d 'Accepted for Celery\'s sake, without effect'
complete -c rcelery -n "__fish_rcelery_using_subcommand completions" -l detached -d 'Set in the process that `--detach` starts'
complete -c rcelery -n "__fish_rcelery_using_subcommand completions" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c rcelery -n "__fish_rcelery_using_subcommand man" -s A -l app -d 'Python Celery app or configuration file (*.toml) to use' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand man" -s b -l broker -d 'Broker URL' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand man" -l result-backend -d 'Result back end URL' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand man" -l config -d 'Configuration file' -r -F
complete -c rcelery -n "__fish_rcelery_using_subcommand man" -l workdir -d 'Change to this directory first' -r -F
complete -c rcelery -n "__fish_rcelery_using_subcommand man" -l set -d 'Set any setting; repeatable' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand man" -l connect-timeout -d 'Longest time to connect and shake hands, in seconds [default: 4]' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand man" -l format -d 'Form of the answer' -r -f -a "auto\t'Tables on a terminal, else Celery\'s text'
table\t'Tables for people'
classic\t'Celery\'s own text, for scripts that read it'
json\t'One JSON document'"
complete -c rcelery -n "__fish_rcelery_using_subcommand man" -l color -d 'When to use colour' -r -f -a "auto\t'On a terminal, unless the environment says otherwise'
always\t'Into pipes and files as well'
never\t'Not at all'"
complete -c rcelery -n "__fish_rcelery_using_subcommand man" -l loader -d 'Accepted for Celery\'s sake, without effect' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand man" -l no-config -d 'Read no configuration file'
complete -c rcelery -n "__fish_rcelery_using_subcommand man" -s j -l json -d 'Answer with one JSON document'
complete -c rcelery -n "__fish_rcelery_using_subcommand man" -s C -l no-color -d 'No colour, as with a non-empty NO_COLOR'
complete -c rcelery -n "__fish_rcelery_using_subcommand man" -s q -l quiet -d 'Print answers and errors only'
complete -c rcelery -n "__fish_rcelery_using_subcommand man" -s v -l verbose -d 'Say more on stderr; twice for debugging'
complete -c rcelery -n "__fish_rcelery_using_subcommand man" -l skip-checks -d 'Accepted for Celery\'s sake, without effect'
complete -c rcelery -n "__fish_rcelery_using_subcommand man" -l detached -d 'Set in the process that `--detach` starts'
complete -c rcelery -n "__fish_rcelery_using_subcommand man" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c rcelery -n "__fish_rcelery_using_subcommand help" -s A -l app -d 'Python Celery app or configuration file (*.toml) to use' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand help" -s b -l broker -d 'Broker URL' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand help" -l result-backend -d 'Result back end URL' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand help" -l config -d 'Configuration file' -r -F
complete -c rcelery -n "__fish_rcelery_using_subcommand help" -l workdir -d 'Change to this directory first' -r -F
complete -c rcelery -n "__fish_rcelery_using_subcommand help" -l set -d 'Set any setting; repeatable' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand help" -l connect-timeout -d 'Longest time to connect and shake hands, in seconds [default: 4]' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand help" -l format -d 'Form of the answer' -r -f -a "auto\t'Tables on a terminal, else Celery\'s text'
table\t'Tables for people'
classic\t'Celery\'s own text, for scripts that read it'
json\t'One JSON document'"
complete -c rcelery -n "__fish_rcelery_using_subcommand help" -l color -d 'When to use colour' -r -f -a "auto\t'On a terminal, unless the environment says otherwise'
always\t'Into pipes and files as well'
never\t'Not at all'"
complete -c rcelery -n "__fish_rcelery_using_subcommand help" -l loader -d 'Accepted for Celery\'s sake, without effect' -r
complete -c rcelery -n "__fish_rcelery_using_subcommand help" -l no-config -d 'Read no configuration file'
complete -c rcelery -n "__fish_rcelery_using_subcommand help" -s j -l json -d 'Answer with one JSON document'
complete -c rcelery -n "__fish_rcelery_using_subcommand help" -s C -l no-color -d 'No colour, as with a non-empty NO_COLOR'
complete -c rcelery -n "__fish_rcelery_using_subcommand help" -s q -l quiet -d 'Print answers and errors only'
complete -c rcelery -n "__fish_rcelery_using_subcommand help" -s v -l verbose -d 'Say more on stderr; twice for debugging'
complete -c rcelery -n "__fish_rcelery_using_subcommand help" -l skip-checks -d 'Accepted for Celery\'s sake, without effect'
complete -c rcelery -n "__fish_rcelery_using_subcommand help" -l detached -d 'Set in the process that `--detach` starts'
complete -c rcelery -n "__fish_rcelery_using_subcommand help" -s h -l help -d 'Print help (see more with \'--help\')'
