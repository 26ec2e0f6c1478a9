/* y = x + cells * plane, x an index in a plane of AREA elements of PLANES (CELLS < 0: back); negative ones stay. */
__kernel void plane_offset(__global const int *restrict x, __global int *restrict y, int planes, int area, int cells) {
    const int i = (int)get_global_id(0), plane = (int)get_global_id(1);
    if (i >= area || plane >= planes) return;
    const size_t at = (size_t)plane * area + i;
    y[at] = x[at] < 0 ? x[at] : x[at] + cells * plane;
}
