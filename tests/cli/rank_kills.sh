#!/bin/sh
# With CLADE_LARGE=1: twenty times in one run's life a rank is killed at a random moment. The others end by themselves
# within seconds, and the next run, with another number of ranks, goes on from the last checkpoint. Every second time the
# ranks are in two network namespaces, joined by TCP, where this may make them. tests/cli/ranks.sh kills once.
. "$CLADE_SOURCE/tests/cli/support/expect.sh"

[ -n "${CLADE_LARGE:-}" ] || exit 77
command -v mpirun > /dev/null || exit 77
ldd "$CLADE" 2> /dev/null | grep -q libmpi || exit 77
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMPI_MCA_rmaps_base_oversubscribe=1
export OMPI_MCA_hwloc_base_binding_policy=none
here=$PWD kills=${KILLS:-20} longest=20
run="train mlp --data digits:12800,200 --epochs 1000 --seed 3 --batch 50 --checkpoint-every 200 --out $here/run"

# ---- two machines, as far as the network goes ----

networks=clade-a$$
far=clade-b$$

launcher=
clean_up() {
    [ -z "$launcher" ] || kill -TERM "$launcher" 2> /dev/null || true
    command -v ip > /dev/null || return 0
    ip netns del $networks 2> /dev/null || true
    ip netns del $far 2> /dev/null || true
}

trap clean_up EXIT

make_networks() {
    command -v ip > /dev/null || return 1
    {
        ip netns add $networks && ip netns add $far && ip link add clade-va type veth peer name clade-vb &&
            ip link set clade-va netns $networks && ip link set clade-vb netns $far &&
            ip -n $networks addr add 10.77.0.1/24 dev clade-va && ip -n $far addr add 10.77.0.2/24 dev clade-vb &&
            ip -n $networks link set clade-va up && ip -n $far link set clade-vb up &&
            ip -n $networks link set lo up && ip -n $far link set lo up
    } 2> network.txt
}

# mpirun calls this as ssh: with options, the host and a command.
cat > agent << END
#!/bin/sh
while [ "\${1#-}" != "\$1" ]; do shift; done
shift
exec ip netns exec $far unshare --uts sh -c "hostname far; \$*"
END
chmod +x agent

# ---- starting and killing ----

# The pids of ranks are in pid.RANK.
cat > rank << 'END'
#!/bin/sh
echo $$ > "$HERE/pid.$OMPI_COMM_WORLD_RANK"
exec "$@"
END
chmod +x rank
export HERE="$here"

# start N WHERE WORD...: N ranks in the background; $launcher is mpirun, or what became it.
start() {
    count=$1
    where=$2
    shift 2
    rm -f pid.*
    if [ "$where" = namespaces ]; then
        ip netns exec $networks unshare --uts sh -c 'hostname near; exec "$0" "$@"' \
            mpirun --mca plm_rsh_agent "$here/agent" --mca btl self,tcp --mca btl_tcp_if_include 10.77.0.0/24 \
            --mca oob_tcp_if_include 10.77.0.0/24 --host 10.77.0.1:2,10.77.0.2:2 --map-by node -n "$count" \
            -x HERE -x HOME -x PATH -x XDG_CACHE_HOME "$here/rank" "$CLADE" "$@" > out.txt 2> all.txt < /dev/null &
    else
        mpirun -n "$count" "$here/rank" "$CLADE" "$@" > out.txt 2> all.txt < /dev/null &
    fi
    launcher=$!
}

# The steps that the run told of so far; its output may be that of a terminal.
steps() {
    tr '\r' '\n' < out.txt | sed -nE 's/.*step ([0-9]+)\/.*/\1/p'
}

# Waits until the run took some steps; it must have gone on where the last checkpoint was.
wait_for_steps() {
    tries=0
    until [ "$(steps | tail -n 1)" -gt "$step" ] 2> /dev/null; do
        kill -0 $launcher 2> /dev/null || die "ended before its first steps: $(cat all.txt)"
        sleep 0.1
        tries=$((tries + 1))
        [ $tries -lt 3000 ] || die "no steps: $(cat all.txt)"
    done
    first=$(steps | head -n 1)
    [ "$first" -ge "$step" ] || die "went on at step $first, not after $step"
}

# random N: from 0 to N - 1.
random() {
    echo $(($(od -An -N4 -tu4 /dev/urandom) % $1))
}

last_step() {
    find run -name 'checkpoint-*.clade' 2> /dev/null | sed 's/.*checkpoint-0*\([0-9]*\)\.clade/\1/' | sort -n | tail -n 1
}

milliseconds() {
    echo $(($(date +%s%N) / 1000000))
}

# ---- the series ----

both=shared
make_networks && both=namespaces
[ $both = namespaces ] || echo "no network namespaces here: $(cat network.txt 2> /dev/null)"
step=0 fresh=0 slowest=0
i=1
while [ $i -le "$kills" ]; do
    where=shared
    [ $((i % 2)) -eq 1 ] || where=$both
    count=$((2 + i % 3))
    # shellcheck disable=SC2086
    start $count $where $run --resume
    wait_for_steps
    pause=$(random 3000)
    sleep "$((pause / 1000)).$(printf %03d $((pause % 1000)))"
    victim=$(random "$count")
    began=$(milliseconds)
    kill -KILL "$(cat "pid.$victim")" || die "kill $i: the run had ended: $(cat all.txt)"
    status=0
    wait $launcher || status=$?
    took=$(($(milliseconds) - began))
    [ $status -ne 0 ] || die "kill $i: succeeded without rank $victim"
    [ $took -lt $((longest * 1000)) ] || die "kill $i: the others ended after $took ms: $(cat all.txt)"
    before=$step
    step=$(last_step)
    : "${step:=0}"
    [ "$step" -ge "$before" ] || die "kill $i: the last checkpoint is of step $step, and was of $before"
    [ "$step" -eq "$before" ] || fresh=$((fresh + 1))
    [ $took -le $slowest ] || slowest=$took
    echo "kill $i: rank $victim of $count ($where), $pause ms after step $first; ended after $took ms; checkpoint of step $step"
    i=$((i + 1))
done
[ "$step" -gt 0 ] || die "no checkpoint after $kills kills"

# One process goes on from what they left.
# shellcheck disable=SC2086
"$CLADE" $run --resume > out.txt 2> all.txt < /dev/null &
launcher=$!
wait_for_steps
kill -TERM $launcher
wait $launcher || true
echo "$kills kills: the others ended within $slowest ms, $fresh times with a new checkpoint; one process went on from step $step"
