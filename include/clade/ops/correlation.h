/* Finding patterns. See clade/ops.h for what all share. */
#ifndef CLADE_OPERATORS_CORRELATION_H
#define CLADE_OPERATORS_CORRELATION_H

#include "clade/graph.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Normalised correlation: how alike each window of x and each pattern are, whatever their loudness, from -1 to 1.
 *   y[n,k,p,q] = sum of a b / sqrt((sum of a^2 + epsilon) (sum of b^2 + epsilon)),
 * a the window x[n, :, p:p+R, q:q+S], b the pattern [k]; sums over C, R and S: their cosine. CENTRED: of a and b less their
 * means (Pearson's coefficient; Lewis 1995, "Fast normalized cross-correlation"), blind to brightness too.
 * x (N, C, H, W), pattern (K, C, R, S) -> (N, K, H-R+1, W-S+1); for signals x (N, C, L), pattern (K, C, M) ->
 * (N, K, L-M+1). C, the pixels' and the pattern's sizes are fixed. A window without any energy gives 0. */
typedef struct clade_normalized_correlation_options {
    size_t size;
    clade_value x, pattern;
    bool centred;
    float epsilon; /* energy that does not count, above 0; default 1e-6 */
} clade_normalized_correlation_options;
CLADE_API clade_value clade_normalized_correlation2d_with(const clade_normalized_correlation_options *options);
#define clade_normalized_correlation2d(...)                                                                            \
    clade_normalized_correlation2d_with(&(clade_normalized_correlation_options){                                       \
        .size = sizeof(clade_normalized_correlation_options), .x = __VA_ARGS__ })
CLADE_API clade_value clade_normalized_correlation1d_with(const clade_normalized_correlation_options *options);
#define clade_normalized_correlation1d(...)                                                                            \
    clade_normalized_correlation1d_with(&(clade_normalized_correlation_options){                                       \
        .size = sizeof(clade_normalized_correlation_options), .x = __VA_ARGS__ })

#ifdef __cplusplus
}
#endif
#endif
