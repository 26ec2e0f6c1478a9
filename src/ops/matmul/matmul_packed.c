/* The matrix product on CPU-like devices (kernels/gemm_packed.cl): a work-item for a block of C, panels of B packed in
 * local memory. How C is cut depends on the sizes and the local memory alone. */
#include "ops/matmul/matmul.h"
#include "ops/matmul/panels.h"
#include "ops/matmul/tiles.h"

#include <stdio.h>

enum {
    LEAST_LOCAL = 4096,
    ENOUGH_GROUPS = 32, /* to keep a CPU's cores evenly busy */
    LONG_PART = 1024,   /* of K: a split makes parts of at least this */
    MOST_ROWS = 512,    /* of a block: with K_BLOCK steps, half of a second-level cache */
    FEW_GROUPS = 8,     /* without so many, cores are idle */
    FEWEST_ROWS = 128,  /* fewer would pack B too often */
    LEAST_ROWS = 16,    /* fewer are not worth a group even then */
    MOST_COLUMNS = 256,
    K_BLOCK = 256,
    OFTEN = 1024,     /* columns that pay for packing A */
    OFTEN_APART = 96, /* the same where A's rows are neighbours: each step of a product is in a cache line of its own */
    CONFIGURATIONS = 2,
    OWN_ARGUMENTS = 15
};

typedef struct cut {
    int64_t m_block, n_block, k_block, parts, part_depth;
    bool packs_a;
} cut;

static int64_t group_count(const clade_product *p, const cut *c) {
    return clade_blocks(p->m, c->m_block) * clade_blocks(p->n, c->n_block);
}

/* Configuration 1 packs A where the default does not, and the other way round. */
static cut cut_of(const clade_site *site, const clade_product *p) {
    const int64_t panel_step = CLADE_PANEL_COLUMNS * (int64_t)sizeof(float);
    const int64_t most_steps = (int64_t)site->device->capabilities.local_memory / 2 / panel_step;
    cut c = {
        .m_block = clade_smaller(MOST_ROWS, clade_round_up(p->m, CLADE_PANEL_ROWS)),
        .n_block = clade_smaller(MOST_COLUMNS, clade_round_up(p->n, CLADE_PANEL_COLUMNS)),
        .k_block = clade_smaller(clade_smaller(K_BLOCK, most_steps), p->k),
        .packs_a = (p->n >= (p->a_k_step > 1 ? OFTEN_APART : OFTEN)) != (site->configuration == 1),
    };
    while (c.n_block > CLADE_PANEL_COLUMNS && group_count(p, &c) < ENOUGH_GROUPS) {
        c.n_block = clade_round_up(c.n_block / 2, CLADE_PANEL_COLUMNS);
    }
    while (c.m_block > FEWEST_ROWS && group_count(p, &c) < ENOUGH_GROUPS) {
        c.m_block = clade_round_up(c.m_block / 2, CLADE_PANEL_ROWS);
    }
    while (c.m_block > LEAST_ROWS && group_count(p, &c) < FEW_GROUPS) {
        c.m_block = clade_round_up(c.m_block / 2, CLADE_PANEL_ROWS);
    }
    const int64_t wanted = clade_smaller(ENOUGH_GROUPS / group_count(p, &c), p->k / LONG_PART);
    c.part_depth = wanted > 1 ? clade_round_up(clade_blocks(p->k, wanted), 16) : p->k;
    c.parts = clade_blocks(p->k, c.part_depth);
    return c;
}

static bool applicable(const clade_site *site, char why[128]) {
    if (site->device->capabilities.local_memory >= LEAST_LOCAL) return true;
    snprintf(why, 128, "needs %d bytes of local memory", LEAST_LOCAL);
    return false;
}

static double suitability(const clade_site *site) {
    return site->device->capabilities.is_cpu ? 3 : 0;
}

static clade_rows rows_of(const clade_product *p) {
    return (clade_rows){ 1, 0, p->m, p->k, p->a_row_step, p->a_k_step };
}

static void workspace(const clade_site *site, size_t bytes[CLADE_MAX_WORKSPACES]) {
    const clade_product p = clade_product_at(site);
    const cut c = cut_of(site, &p);
    const clade_rows rows = rows_of(&p);
    if (c.packs_a) bytes[0] = clade_panels_bytes(&rows);
    if (c.parts > 1) bytes[1] = (size_t)(c.parts * p.m * p.n) * sizeof(float);
}

static int configurations(const clade_site *site) {
    (void)site;
    return CONFIGURATIONS;
}

static clade_status record_multiply(const clade_site *site, clade_commands *commands, const clade_product *p,
                                    const cut *c) {
    clade_argument arguments[OWN_ARGUMENTS + CLADE_TAIL_ARGUMENTS] = {
        clade_buffer_argument(c->packs_a ? site->workspace[0] : site->in[0].buffer),
        clade_buffer_argument(site->in[1].buffer),
        clade_buffer_argument(c->parts > 1 ? site->workspace[1] : site->out[0].buffer),
        clade_local_argument(clade_panels_local(c->k_block)),
        clade_int_argument(p->m),
        clade_int_argument(p->n),
        clade_int_argument(p->k),
        clade_int_argument(c->packs_a ? 0 : p->a_row_step),
        clade_int_argument(p->a_k_step),
        clade_int_argument(p->b_k_step),
        clade_int_argument(p->b_column_step),
        clade_int_argument(c->m_block),
        clade_int_argument(c->n_block),
        clade_int_argument(c->k_block),
        clade_int_argument(c->part_depth),
    };
    (c->parts > 1 ? clade_tail_no_arguments : clade_tail_arguments)(site, arguments + OWN_ARGUMENTS);
    return clade_commands_launch(commands,
                                 &(clade_launch){
                                     .file = "gemm_packed.cl",
                                     .options = clade_panels_options(site),
                                     .kernel = "multiply",
                                     .label = site->label,
                                     .global = { (size_t)clade_blocks(p->n, c->n_block),
                                                 (size_t)clade_blocks(p->m, c->m_block), (size_t)c->parts },
                                     .arguments = arguments,
                                     .argument_count = sizeof arguments / sizeof arguments[0],
                                     .flops = 2.0 * (double)p->m * (double)p->n * (double)p->k,
                                     .bytes = 4.0 * (double)(p->m * p->k + p->k * p->n + p->m * p->n * c->parts),
                                 });
}

static clade_status record(const clade_site *site, clade_commands *commands) {
    const clade_product p = clade_product_at(site);
    const cut c = cut_of(site, &p);
    const clade_rows rows = rows_of(&p);
    clade_status status = CLADE_OK;
    if (c.packs_a) status = clade_panels_pack(site, commands, site->in[0].buffer, site->workspace[0], &rows);
    if (status == CLADE_OK) status = record_multiply(site, commands, &p, &c);
    if (status != CLADE_OK || c.parts == 1) return status;
    return clade_tile_add_parts(site, commands, 1, c.parts, p.n);
}

const clade_implementation clade_matmul_packed = {
    .name = "packed",
    .applicable = applicable,
    .suitability = suitability,
    .workspace = workspace,
    .configurations = configurations,
    .tail = true,
    .record = record,
};
