/* The optimisers for sessions without a trainer: benchmarks, the profiler, a caller's own loop. */
#include "clade/train.h"
#include "train/optimizer.h"

clade_status clade_optimize(clade_value loss, const clade_train_options *options) {
    const clade_optimizer optimizer = clade_optimizer_of(options);
    return clade_optimizer_append(&optimizer, loss, NULL);
}

clade_status clade_optimize_step(clade_session *session, const clade_train_options *options, int64_t step) {
    const clade_optimizer optimizer = clade_optimizer_of(options);
    const double rate = options->rate > 0 ? options->rate : clade_optimizer_default_rate(optimizer.kind);
    return clade_optimizer_set(&optimizer, session, step, rate);
}
