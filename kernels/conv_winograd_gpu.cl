/* Convolution by 3 x 3 taps with stride 1 by Winograd's F(OUT x OUT, 3 x 3) for GPU-like devices (Lavin and Gray, "Fast
 * algorithms for convolutional neural networks", 2015), in one kernel after the weights' transform:
 *     y = A' [ (G g G') * (B' d B) ] A   for each OUT x OUT tile of y, d its PATCH x PATCH pixels, summed over channels
 * The data gradient is the same of dy with turned weights. Channels and filters are those of one group.
 *
 * A group computes TILE_T tiles of TILE_K lines (filters, or the channels of dx). CHUNK source planes at a time their
 * patches are transformed into local memory, a patch a work-item; then each work-item multiplies 8 lines by 8 tiles
 * at one of the POINTS of the transformed patch. At the end the sums pass through the same memory, CHUNK lines at a
 * time, to the work-items that turn them back. The host sees to it that ITEMS is a multiple of TILE_T and at least
 * CHUNK * TILE_T, and that CHUNK is a multiple of 8 and TILE_K one of CHUNK. */
#include "fma.h"
#include "tail.h"

#ifndef OUT
#define OUT 2
#define TILE_K 32
#define TILE_T 32
#define CHUNK 8
#endif

#define PATCH (OUT + 2)
#define POINTS (PATCH * PATCH)
#define BLOCK 8 /* lines, and tiles, of a work-item */
#define K_BLOCKS (TILE_K / BLOCK)
#define T_BLOCKS (TILE_T / BLOCK)
#define ITEMS (POINTS * K_BLOCKS * T_BLOCKS)

#define UNROLL _Pragma("unroll")
#define INLINE static inline __attribute__((always_inline))

enum { OUTSIDE = -(1 << 29) }; /* a row that no image has */

/* ---- the transforms in one dimension, in place; the weights' 3 numbers are STEP apart ---- */

#if OUT == 4

INLINE void transform_input(float *d) {
    const float d1 = d[1], d2 = d[2], d3 = d[3], d4 = d[4];
    const float even = d4 - 4.0f * d2, odd = d3 - 4.0f * d1, near = d4 - d2, far = 2.0f * (d3 - d1);
    d[0] = 4.0f * d[0] - 5.0f * d2 + d4;
    d[1] = even + odd;
    d[2] = even - odd;
    d[3] = near + far;
    d[4] = near - far;
    d[5] = 4.0f * d1 - 5.0f * d3 + d[5];
}

INLINE void transform_weights_of(float *g, int step) {
    const float g0 = g[0], g1 = g[step], g2 = g[2 * step];
    const float ends = (g0 + g2) * (-1.0f / 6.0f), middle = g1 * (-1.0f / 6.0f);
    const float wide = g0 * (1.0f / 24.0f) + g2 * (1.0f / 6.0f), half_step = g1 * (1.0f / 12.0f);
    g[0] = 0.25f * g0;
    g[step] = ends + middle;
    g[2 * step] = ends - middle;
    g[3 * step] = wide + half_step;
    g[4 * step] = wide - half_step;
    g[5 * step] = g2;
}

INLINE void transform_output(float *m) {
    const float m1 = m[1], m2 = m[2], m3 = m[3], m4 = m[4];
    const float even = m1 + m2, odd = m1 - m2, far_even = m3 + m4, far_odd = m3 - m4;
    m[0] = m[0] + even + far_even;
    m[1] = odd + 2.0f * far_odd;
    m[2] = even + 4.0f * far_even;
    m[3] = odd + 8.0f * far_odd + m[5];
}

#else

INLINE void transform_input(float *d) {
    const float d1 = d[1], d2 = d[2];
    d[0] -= d2;
    d[1] = d1 + d2;
    d[2] = d2 - d1;
    d[3] = d1 - d[3];
}

INLINE void transform_weights_of(float *g, int step) {
    const float ends = 0.5f * (g[0] + g[2 * step]), middle = 0.5f * g[step];
    g[3 * step] = g[2 * step];
    g[step] = ends + middle;
    g[2 * step] = ends - middle;
}

INLINE void transform_output(float *m) {
    const float m1 = m[1], m2 = m[2];
    m[0] = m[0] + m1 + m2;
    m[1] = m1 - m2 - m[3];
}

#endif

/* ---- weights ---- */

/* Item (line of all tiles of lines, source, group): the weight of (line, source, tap) lies at line * line_step +
 * source * source_step + tap, or + 8 - tap where TURNED; TRANSFORMED is (groups, line tiles, sources, POINTS,
 * TILE_K), with zeros for the lines that are missing. */
__kernel void transform_weights(const __global float *restrict weights, __global float *restrict transformed, int lines,
                                int sources, int groups, int line_step, int source_step, int turned) {
    const int line = (int)get_global_id(0), source = (int)get_global_id(1), group = (int)get_global_id(2);
    const int tiles = (lines + TILE_K - 1) / TILE_K, tile = line / TILE_K;
    if (tile >= tiles || source >= sources || group >= groups) return;
    float g[POINTS]; /* flat: a pointer to a row must not reach the next */
    weights += (size_t)group * lines * sources * 9 + (size_t)line * line_step + (size_t)source * source_step;
    UNROLL
    for (int tap = 0; tap < 9; tap++)
        g[tap / 3 * PATCH + tap % 3] = line < lines ? weights[turned ? 8 - tap : tap] : 0.0f;
    UNROLL
    for (int s = 0; s < 3; s++) transform_weights_of(&g[s], PATCH);
    UNROLL
    for (int r = 0; r < PATCH; r++) transform_weights_of(&g[r * PATCH], 1);
    transformed += (((size_t)group * tiles + tile) * sources + source) * POINTS * TILE_K + line % TILE_K;
    UNROLL
    for (int p = 0; p < POINTS; p++) transformed[p * TILE_K] = g[p];
}

/* ---- the convolution ---- */

/* One tile of the result: its image (-1: none), and its first pixel. */
typedef struct spot {
    int image, row, column;
} spot;

static inline spot spot_of(int tile, int batch, int result_height, int result_width) {
    const int across = (result_width + OUT - 1) / OUT, down = (result_height + OUT - 1) / OUT;
    const int image = tile / (across * down), place = tile % (across * down);
    const spot s = { image < batch ? image : -1, place / across * OUT, place % across * OUT };
    return s;
}

/* The transforms in two dimensions take few registers, because what is between the columns' turn and the rows' lies in
 * local memory: in the work-item's own places, POINTS of them TILE_T floats apart. */

/* The transform of the patch of PLANE whose corner is (top, left). Every load is made, if need be of the plane's
 * edge: loads without branches overlap. */
INLINE void put_patch(const __global float *plane, bool inside, int top, int left, int height, int width,
                      __local float *places) {
    float d[PATCH];
    _Pragma("unroll 2")
    for (int j = 0; j < PATCH; j++) {
        const int w = left + j;
        const bool in_column = inside && w >= 0 && w < width;
        const __global float *column = plane + clamp(w, 0, width - 1);
        UNROLL
        for (int i = 0; i < PATCH; i++) {
            const int h = top + i;
            const float value = column[clamp(h, 0, height - 1) * width];
            d[i] = in_column && h >= 0 && h < height ? value : 0.0f;
        }
        transform_input(d);
        UNROLL
        for (int i = 0; i < PATCH; i++) places[(i * PATCH + j) * TILE_T] = d[i];
    }
    _Pragma("unroll 2")
    for (int i = 0; i < PATCH; i++) {
        UNROLL
        for (int j = 0; j < PATCH; j++) d[j] = places[(i * PATCH + j) * TILE_T];
        transform_input(d);
        UNROLL
        for (int j = 0; j < PATCH; j++) places[(i * PATCH + j) * TILE_T] = d[j];
    }
}

/* One tile's pixels of one line from its sums at the points; ROOM_Y x ROOM_X of them are in the image. */
INLINE void store_tile(const tail_inputs *tail, __local float *places, float bias, __global float *result, size_t at,
                       int result_width, int room_y, int room_x) {
    float m[PATCH];
    _Pragma("unroll 2")
    for (int j = 0; j < PATCH; j++) {
        UNROLL
        for (int i = 0; i < PATCH; i++) m[i] = places[(i * PATCH + j) * TILE_T];
        transform_output(m);
        UNROLL
        for (int i = 0; i < OUT; i++) places[(i * PATCH + j) * TILE_T] = m[i];
    }
    _Pragma("unroll 1")
    for (int i = 0; i < min((int)OUT, room_y); i++, at += result_width) {
        UNROLL
        for (int j = 0; j < PATCH; j++) m[j] = places[(i * PATCH + j) * TILE_T];
        transform_output(m);
        UNROLL
        for (int j = 0; j < OUT; j++)
            if (j < room_x) result[at + j] = tail1(tail, m[j], bias, at + j);
    }
}

/* 8 lines by 8 tiles, over COUNT planes: U is the work-item's first float4 of the weights, V of the patches. */
INLINE void multiply_chunk(const __global float4 *u, const __local float4 *v, int count,
                           float4 sum[BLOCK][2]) {
    for (int c = 0; c < count; c++, u += POINTS * TILE_K / 4, v += POINTS * TILE_T / 4) {
        UNROLL
        for (int h = 0; h < 2; h++) {
            const float4 lines = u[h];
            UNROLL
            for (int q = 0; q < 2; q++) {
                sum[4 * h][q] = FMA((float4)(lines.s0), v[q], sum[4 * h][q]);
                sum[4 * h + 1][q] = FMA((float4)(lines.s1), v[q], sum[4 * h + 1][q]);
                sum[4 * h + 2][q] = FMA((float4)(lines.s2), v[q], sum[4 * h + 2][q]);
                sum[4 * h + 3][q] = FMA((float4)(lines.s3), v[q], sum[4 * h + 3][q]);
            }
        }
    }
}

/* Group (tiles, lines, group): RESULT (batch, groups, lines, result_height, result_width) from SOURCE (batch, groups,
 * sources, height, width), whose first patch begins at (-pad_y, -pad_x). */
__kernel __attribute__((reqd_work_group_size(ITEMS, 1, 1))) void
convolve(const __global float *restrict source, const __global float4 *restrict transformed,
         __global float *restrict result, int batch, int groups, int sources, int lines, int height, int width,
         int result_height, int result_width, int pad_y, int pad_x, TAIL_PARAMETERS) {
    __local float4 patches[CHUNK * POINTS * TILE_T / 4];
    const tail_inputs tail = TAIL_INPUTS;
    const int item = (int)get_local_id(0), tile = item % TILE_T, plane = item / TILE_T;
    const int t = item % T_BLOCKS, k = item / T_BLOCKS % K_BLOCKS, point = item / (T_BLOCKS * K_BLOCKS);
    const int line = (int)get_group_id(1) * TILE_K, group = (int)get_group_id(2);
    const spot here = spot_of((int)get_group_id(0) * TILE_T + tile, batch, result_height, result_width);
    const int top = here.image >= 0 ? here.row - pad_y : OUTSIDE, left = here.column - pad_x;
    const size_t image = (size_t)max(here.image, 0) * groups + group;
    __local float *mine = (__local float *)patches + plane * POINTS * TILE_T + tile;
    float4 sum[BLOCK][2];
    UNROLL
    for (int i = 0; i < BLOCK; i++) sum[i][0] = sum[i][1] = 0.0f;
    source += image * sources * height * width;
    transformed += (((size_t)group * get_num_groups(1) + get_group_id(1)) * sources * POINTS + point) * (TILE_K / 4);
    transformed += 2 * k;
    for (int c = 0; c < sources; c += CHUNK) {
        if (plane < CHUNK)
            put_patch(source + (size_t)min(c + plane, sources - 1) * height * width, c + plane < sources, top, left,
                      height, width, mine);
        barrier(CLK_LOCAL_MEM_FENCE);
        multiply_chunk(transformed, patches + point * (TILE_T / 4) + 2 * t, min((int)CHUNK, sources - c), sum);
        barrier(CLK_LOCAL_MEM_FENCE);
        transformed += CHUNK * POINTS * TILE_K / 4;
    }
    for (int first = 0; first < TILE_K; first += CHUNK) {
        const int own = k * BLOCK - first, to = line + first + plane, channel = group * lines + to;
        if (own >= 0 && own < CHUNK) {
            UNROLL
            for (int i = 0; i < BLOCK; i++) {
                UNROLL
                for (int q = 0; q < 2; q++)
                    patches[((own + i) * POINTS + point) * (TILE_T / 4) + 2 * t + q] = sum[i][q];
            }
        }
        barrier(CLK_LOCAL_MEM_FENCE);
        if (plane < CHUNK && to < lines && here.image >= 0)
            store_tile(&tail, mine, tail_bias_of(&tail, channel), result,
                       (((image - group) * lines + channel) * result_height + here.row) * result_width + here.column,
                       result_width, result_height - here.row, result_width - here.column);
        barrier(CLK_LOCAL_MEM_FENCE);
    }
}
