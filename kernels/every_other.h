/* Every other lane of two vectors in one. Lanes are named one by one: Oclgrind 21.10 fails on vectors that are put
 * together of others. */
#ifndef EVERY_OTHER_H
#define EVERY_OTHER_H

#define EVENS_4(V) V.s0, V.s2
#define ODDS_4(V) V.s1, V.s3
#define EVENS_8(V) V.s0, V.s2, V.s4, V.s6
#define ODDS_8(V) V.s1, V.s3, V.s5, V.s7
#define EVENS_16(V) V.s0, V.s2, V.s4, V.s6, V.s8, V.sa, V.sc, V.se
#define ODDS_16(V) V.s1, V.s3, V.s5, V.s7, V.s9, V.sb, V.sd, V.sf

/* Those of A, then those of B. EVEN_ODD: A's even ones, B's odd ones. */
#define EVEN_4(A, B) (float4)(EVENS_4(A), EVENS_4(B))
#define ODD_4(A, B) (float4)(ODDS_4(A), ODDS_4(B))
#define EVEN_8(A, B) (float8)(EVENS_8(A), EVENS_8(B))
#define ODD_8(A, B) (float8)(ODDS_8(A), ODDS_8(B))
#define EVEN_ODD_8(A, B) (float8)(EVENS_8(A), ODDS_8(B))
#define EVEN_16(A, B) (float16)(EVENS_16(A), EVENS_16(B))
#define ODD_16(A, B) (float16)(ODDS_16(A), ODDS_16(B))
#define EVEN_ODD_16(A, B) (float16)(EVENS_16(A), ODDS_16(B))

#endif
