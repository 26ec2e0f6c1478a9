/* The optimisers for sessions without a trainer: benchmarks, the profiler, a caller's own loop. */
#include "clade/train.h"
#include "train/optimizer.h"

static const double default_momentum = 0.9, default_rate = 0.01;

static clade_optimizer optimizer_of(const clade_train_options *options) {
    return (clade_optimizer){
        .kind = options->optimizer != 0 ? options->optimizer : CLADE_SGD,
        .momentum = options->no_momentum    ? 0
                    : options->momentum > 0 ? options->momentum
                                            : default_momentum,
        .weight_decay = options->no_weight_decay ? 0 : options->weight_decay,
    };
}

clade_status clade_optimize(clade_value loss, const clade_train_options *options) {
    const clade_optimizer optimizer = optimizer_of(options);
    return clade_optimizer_append(&optimizer, loss, NULL);
}

clade_status clade_optimize_step(clade_session *session, const clade_train_options *options, int64_t step) {
    const clade_optimizer optimizer = optimizer_of(options);
    return clade_optimizer_set(&optimizer, session, step, options->rate > 0 ? options->rate : default_rate);
}
