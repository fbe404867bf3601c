"""`homeostat simulate`: what would an autoscaler do with this traffic?"""
