/* A constant: y[i] = value. */
__kernel void fill(__global float *restrict y, float value, int count) {
    const int i = (int)get_global_id(0);
    if (i < count) y[i] = value;
}
