/* The matrix product on CPU-like devices where A has few rows, as in the dense layers of a small batch: bound by the
 * reading of B (kernels/gemm_thin.cl). */
#include "ops/matmul.h"
#include "ops/panels.h"

#include <stdio.h>

enum {
    MOST_ROWS = 4,
    COLUMNS = 64,       /* of a work-item of `sums` */
    ENOUGH_GROUPS = 32, /* to keep a CPU's cores evenly busy */
    MOST_COLUMNS = 64,  /* of a work-item of `dots` */
    FEWEST_COLUMNS = 4,
    ENOUGH_COLUMNS = 256, /* for work-items to divide */
    MOST_ARGUMENTS = 8 + CLADE_TAIL_ARGUMENTS
};

static int64_t blocks(int64_t value, int64_t block) {
    return (value + block - 1) / block;
}

/* Whether each column of op(B) lies together. */
static bool takes_dots(const clade_product *p) {
    return p->b_k_step == 1 && p->a_k_step == 1;
}

static bool applicable(const clade_site *site, char why[128]) {
    const clade_product p = clade_product_at(site);
    const char *wrong = NULL;
    if (p.m > MOST_ROWS)
        wrong = "needs at most 4 rows";
    else if (!takes_dots(&p) && p.b_column_step != 1)
        wrong = "needs A's rows to lie together where B is transposed";
    else if (!takes_dots(&p) && p.n < COLUMNS)
        wrong = "needs at least 64 columns";
    if (wrong != NULL) snprintf(why, 128, "%s", wrong);
    return wrong == NULL;
}

static double suitability(const clade_site *site) {
    const clade_product p = clade_product_at(site);
    return site->device->capabilities.is_cpu ? (p.n >= ENOUGH_COLUMNS ? 4 : 1) : 0;
}

static int64_t column_block(const clade_product *p) {
    int64_t block = MOST_COLUMNS;
    while (block > FEWEST_COLUMNS && blocks(p->n, block) < ENOUGH_GROUPS) {
        block /= 2;
    }
    return block;
}

static clade_status record(const clade_site *site, clade_commands *commands) {
    const clade_product p = clade_product_at(site);
    const bool dots = takes_dots(&p);
    const int64_t block = dots ? column_block(&p) : COLUMNS;
    clade_argument arguments[MOST_ARGUMENTS] = {
        clade_buffer_argument(site->in[0].buffer),
        clade_buffer_argument(site->in[1].buffer),
        clade_buffer_argument(site->out[0].buffer),
        clade_int_argument(p.m),
        clade_int_argument(p.n),
        clade_int_argument(p.k),
    };
    size_t count = 6;
    if (dots) {
        arguments[count++] = clade_int_argument(block);
    } else {
        arguments[count++] = clade_int_argument(p.a_row_step);
        arguments[count++] = clade_int_argument(p.a_k_step);
    }
    clade_tail_arguments(site, arguments + count);
    char options[64];
    const char *fma = clade_panels_options(site);
    snprintf(options, sizeof options, "-DROWS=%d %s", p.m > 2 ? 4 : (int)p.m, fma != NULL ? fma : "");
    return clade_commands_launch(commands, &(clade_launch){
                                               .file = "gemm_thin.cl",
                                               .options = options,
                                               .kernel = dots ? "dots" : "sums",
                                               .label = site->label,
                                               .global = { (size_t)blocks(p.n, block) },
                                               .local = { 1 },
                                               .arguments = arguments,
                                               .argument_count = count + CLADE_TAIL_ARGUMENTS,
                                               .flops = 2.0 * (double)p.m * (double)p.n * (double)p.k,
                                               .bytes = 4.0 * (double)(p.m * p.k + p.k * p.n + p.m * p.n),
                                           });
}

const clade_implementation clade_matmul_thin = {
    .name = "thin",
    .applicable = applicable,
    .suitability = suitability,
    .tail = true,
    .record = record,
};
