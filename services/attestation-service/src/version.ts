/** Of this service, as answers and results name it. */
export const serviceVersion = '0.1.0'
